//! A device that writes down what it was given: nothing that a host should have refused may be among it.

use baton_plugin_api::{
    Array, Context, Datatype, Device, Host, Result, Structured, Table,
    schemars::{self, JsonSchema},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecorderOptions {}

/// A place in space, and how to get there.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pose {
    /// Height above the table.
    #[schemars(extend("unit" = "mm"), range(min = 0.0, max = 100.0))]
    height: f64,
    /// Angle.
    #[schemars(extend("unit" = "deg"), range(min = -90.0, max = 90.0))]
    angle: f64,
}

impl Structured for Pose {}

pub(crate) struct Recorder {
    position: f64,
    steps: i64,
    temperature: f64,
    offsets: Vec<f64>,
    pose: Pose,
    /// What was written, in order: `["position", 2.5]`.
    got: Vec<Json>,
}

impl Recorder {
    fn note(&mut self, name: &str, value: impl Into<Json>) {
        self.got.push(json!([name, value.into()]));
    }

    fn offsets(&mut self, _: &Context) -> Result<Array> {
        Ok(Array::new(self.offsets.clone()))
    }

    fn set_offsets(&mut self, offsets: Array, _: &Context) -> Result<()> {
        self.offsets = offsets.to_f64();
        self.note("offsets", self.offsets.clone());
        Ok(())
    }
}

impl Device for Recorder {
    type Options = RecorderOptions;
    const TYPE: &'static str = "recorder";

    fn open(_: RecorderOptions, _: Host) -> Result<Self> {
        Ok(Recorder {
            position: 0.0,
            steps: 0,
            temperature: 20.0,
            offsets: vec![0.0; 3],
            pose: Pose::default(),
            got: Vec::new(),
        })
    }

    fn table(t: &mut Table<Self>) {
        t.simulated();
        t.parameter("position")
            .unit("mm")
            .limits(-100.0..=100.0)
            .no_poll()
            .read(|recorder, _| Ok(recorder.position))
            .write(|recorder, position: f64, _| {
                recorder.position = position;
                recorder.note("position", position);
                Ok(())
            });
        t.parameter("steps")
            .unit("um")
            .limits(-1000..=1000)
            .no_poll()
            .read(|recorder, _| Ok(recorder.steps))
            .write(|recorder, steps: i64, _| {
                recorder.steps = steps;
                recorder.note("steps", steps);
                Ok(())
            });
        t.parameter("temperature")
            .unit("degC")
            .limits(0.0..=300.0)
            .no_poll()
            .read(|recorder, _| Ok(recorder.temperature))
            .write(|recorder, temperature: f64, _| {
                recorder.temperature = temperature;
                recorder.note("temperature", temperature);
                Ok(())
            });
        t.parameter("offsets")
            .unit("V")
            .datatype(Datatype::Array {
                element: Box::new(Datatype::Float),
                shape: vec![8],
            })
            .limits(-10.0..=10.0)
            .no_poll()
            .read(Self::offsets)
            .write(Self::set_offsets);
        t.parameter("pose")
            .no_poll()
            .read(|recorder, _| Ok(recorder.pose.clone()))
            .write(|recorder, pose: Pose, _| {
                recorder.note("pose", serde_json::to_value(&pose).unwrap_or_default());
                recorder.pose = pose;
                Ok(())
            });
        t.parameter("gas").unit("sccm").no_poll().read(|_, _| Ok(1.0));
        t.command("got")
            .doc("What was written since it was asked last, as JSON")
            .run(|recorder: &mut Recorder, _: &Context| {
                let got = std::mem::take(&mut recorder.got);
                Ok(Json::from(got).to_string())
            });
        t.command("go")
            .doc("Takes a place as its argument")
            .run(|recorder: &mut Recorder, pose: Pose, _: &Context| {
                recorder.note("go", serde_json::to_value(&pose).unwrap_or_default());
                Ok(())
            });
    }
}
