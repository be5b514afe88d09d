//! A slit: two blades on motors of their own, moved as one. It shows how a device is made of others.

use baton_plugin_api::{
    Context, Device, DeviceRef, Host, ParameterRef, Result, Status, Table,
    schemars::{self, JsonSchema},
};
use serde::Deserialize;

use crate::faults::{self, FaultOptions, Faults, Simulated};

/// Options of a slit.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SlitOptions {
    /// The motor of the blade at the lower positions; its main parameter is a position in mm.
    left: DeviceRef,
    /// The motor of the blade at the higher positions, on the same axis.
    right: DeviceRef,
    #[serde(flatten)]
    faults: FaultOptions,
}

pub(crate) struct Slit {
    /// The blades' positions, as the lab knows them. The slit keeps none: a blade may be moved on its own.
    left: ParameterRef,
    right: ParameterRef,
    faults: Faults,
}

impl Device for Slit {
    type Options = SlitOptions;
    const TYPE: &'static str = "slit";

    fn open(options: SlitOptions, host: Host) -> Result<Self> {
        // A device alone stands for its main parameter.
        let position = |blade: &DeviceRef| ParameterRef::new(blade.as_str());
        Ok(Slit {
            left: position(&options.left),
            right: position(&options.right),
            faults: Faults::open(&options.faults, &host)?,
        })
    }

    fn table(t: &mut Table<Self>) {
        t.doc("A simulated slit: two blades, each a motor of the lab");
        t.simulated();
        t.parameter("gap")
            .doc("Distance between the blades")
            .unit("mm")
            .limits(0.0..=200.0)
            .tolerance(0.025)
            .digits(3)
            .read(|slit, cx| Ok(slit.edges(cx)?.gap()))
            .write_blocking(|slit, gap: f64, cx| {
                let center = slit.edges(cx)?.center();
                slit.move_to(Edges::around(center, gap), cx)
            });
        t.parameter("center")
            .doc("Middle between the blades")
            .unit("mm")
            .limits(-1000.0..=1000.0)
            .tolerance(0.025)
            .digits(3)
            .read(|slit, cx| Ok(slit.edges(cx)?.center()))
            .write_blocking(|slit, center: f64, cx| {
                let gap = slit.edges(cx)?.gap();
                slit.move_to(Edges::around(center, gap), cx)
            });
        t.command("close")
            .doc("Brings the blades together where the middle of the slit is")
            .long()
            .run(|slit: &mut Slit, cx: &Context<'_>| {
                let center = slit.edges(cx)?.center();
                slit.move_to(Edges::around(center, 0.0), cx)
            });
        t.status(|_, _| Ok(Status::idle()));
        // The host stops what a call of this device moves; there is nothing else to stop here.
        t.stop(|_, _| Ok(()));
        faults::add(t);
    }
}

impl Simulated for Slit {
    fn faults(&self) -> &Faults {
        &self.faults
    }
}

impl Slit {
    fn edges(&mut self, cx: &Context) -> Result<Edges> {
        let position = |blade| {
            cx.get(blade)
                .map_err(|error| error.context(format!("reading the blade {blade}")))
        };
        Ok(Edges {
            left: position(&self.left)?,
            right: position(&self.right)?,
        })
    }

    /// Moves one blade and then the other, so that they never touch on the way.
    fn move_to(&mut self, target: Edges, cx: &Context) -> Result<()> {
        let now = self.edges(cx)?;
        let moves = [(&self.left, target.left), (&self.right, target.right)];
        // Upwards the right blade makes room for the left one; otherwise it is the other way round.
        let order = if target.right > now.right { [1, 0] } else { [0, 1] };
        for (done, (blade, position)) in order.map(|at| moves[at]).into_iter().enumerate() {
            cx.progress(done as f64 / 2.0);
            cx.set(blade, position)?;
        }
        let arrived = self.edges(cx)?;
        cx.publish("gap", arrived.gap());
        cx.publish("center", arrived.center());
        Ok(())
    }
}

/// Where the blades are, in mm.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Edges {
    left: f64,
    right: f64,
}

impl Edges {
    fn around(center: f64, gap: f64) -> Edges {
        Edges {
            left: center - gap / 2.0,
            right: center + gap / 2.0,
        }
    }

    fn gap(self) -> f64 {
        self.right - self.left
    }

    fn center(self) -> f64 {
        (self.left + self.right) / 2.0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use baton_plugin_api::{Error, Value, testkit::Bench, testkit::Request};
    use serde_json::json;

    use super::*;

    /// Where two blades of the bench are, and what was asked of them.
    #[derive(Clone)]
    struct Blades(Arc<Mutex<(Edges, Vec<String>)>>);

    impl Blades {
        fn of(bench: &Bench) -> Blades {
            let start = Edges { left: 0.0, right: 4.0 };
            let blades = Blades(Arc::new(Mutex::new((start, Vec::new()))));
            for name in ["left", "right"] {
                let blades = blades.clone();
                bench.member(name, move |request| Ok(Value::Float(blades.answer(name, request)?)));
            }
            blades
        }

        fn answer(&self, name: &str, request: Request) -> Result<f64> {
            let (edges, log) = &mut *self.0.lock().unwrap();
            let blade = if name == "left" {
                &mut edges.left
            } else {
                &mut edges.right
            };
            if let Request::Set(target) = request {
                *blade = target
                    .as_f64()
                    .ok_or_else(|| Error::impossible("a position is a number"))?;
                let position = *blade;
                log.push(format!("{name} {position}"));
                assert!(edges.gap() >= 0.0, "the blades touch: {log:?}");
                return Ok(position);
            }
            Ok(*blade)
        }

        fn log(&self) -> Vec<String> {
            std::mem::take(&mut self.0.lock().unwrap().1)
        }
    }

    fn slit() -> (Bench, Blades) {
        let bench = Bench::open::<Slit>(json!({ "left": "left", "right": "right" })).unwrap();
        let blades = Blades::of(&bench);
        (bench, blades)
    }

    #[test]
    fn gap_and_center_are_those_of_the_blades() {
        let (mut slit, _) = slit();
        assert_eq!(slit.read("gap").unwrap(), 4.0.into());
        assert_eq!(slit.read("center").unwrap(), 2.0.into());
    }

    #[test]
    fn a_new_gap_keeps_the_center_and_a_new_center_the_gap() {
        let (mut slit, blades) = slit();
        slit.write("gap", 2.0).unwrap();
        assert_eq!(blades.log(), ["left 1", "right 3"]);
        slit.write("center", 20.0).unwrap();
        assert_eq!(blades.log(), ["right 21", "left 19"]);
        slit.write("center", 10.0).unwrap();
        assert_eq!(blades.log(), ["left 9", "right 11"]);
        slit.run("close", ()).unwrap();
        assert_eq!(slit.read("gap").unwrap(), 0.0.into());
        assert_eq!(slit.read("center").unwrap(), 10.0.into());
    }

    #[test]
    fn a_slit_needs_both_blades() {
        let error = Bench::open::<Slit>(json!({ "left": "left" })).map(drop).unwrap_err();
        assert!(error.message().contains("right"), "{}", error.message());
    }
}
