//! A controller on the bench.

use std::sync::{Arc, Mutex};

use super::{
    Bench, received,
    world::{Clock, World},
};
use crate::{
    Controller, Level, Result,
    abi::{BoxController, entries, guard::entry},
    description::TableDescription,
};

/// One open controller; its devices share its clock.
pub struct ControllerBench {
    controller: Arc<Mutex<BoxController>>,
    table: fn(&str, &str) -> Result<TableDescription>,
    world: Arc<World>,
}

impl ControllerBench {
    pub(super) fn open<C: Controller>(options: &serde_json::Value) -> Result<ControllerBench> {
        let world = World::new(C::TYPE, Clock::new());
        let host = world.host();
        let controller = received(entry("open", || {
            entries::open_controller::<C>(&options.to_string(), host)
        }))?;
        Ok(ControllerBench {
            controller: Arc::new(controller.into()),
            table: entries::part_table::<C>,
            world,
        })
    }

    /// Opens a device of the controller, which the lab calls by its type.
    ///
    /// # Errors
    /// As [`Bench::open`].
    pub fn device(&self, kind: &str, options: serde_json::Value) -> Result<Bench> {
        let table = received(entry("describe", || (self.table)(kind, &options.to_string())))?;
        let (controller, kind) = (Arc::clone(&self.controller), kind.to_owned());
        let world = World::new(&kind, Arc::clone(&self.world.clock));
        let open = move |host| {
            let mut controller = controller
                .lock()
                .expect("a panic of the driver does not unwind to here");
            received(controller.open_device(kind.as_str().into(), options.to_string().as_str().into(), host))
        };
        Bench::start(table, world, Box::new(open))
    }

    /// What the controller itself has logged since this was last asked.
    pub fn logged(&self) -> Vec<(Level, String)> {
        std::mem::take(&mut self.world.state().logged)
    }
}
