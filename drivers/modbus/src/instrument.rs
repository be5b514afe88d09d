//! The device: the fields of a script, read and written over a line.

use baton_plugin_api::{
    Context, Error, ErrorKind, Host, Level, Result, Shared, Status, Time, Value,
    line::{Patience, Uncancelled},
};

use crate::{
    blocks::{self, Block, Wanted},
    field::{Field, Items},
    line::{Call, Line},
    pdu::{Answer, Request},
    script::{Argument, Script, StatusQuery, Step, Way, Write},
};

/// An instrument on a line, alone or among others.
pub struct Instrument {
    line: Shared<Line>,
    /// Whether nobody else is on the line.
    is_alone: bool,
    unit: u8,
    script: Script,
    /// What is read in one request.
    blocks: Vec<Block>,
    host: Host,
    /// The connection on which what the file has under `init` was written.
    introduced: Option<u64>,
    /// When the main parameter was written, until the instrument has been seen busy with it.
    started: Option<Time>,
    /// Whether the instrument was busy when it was asked last.
    is_busy: bool,
}

impl Instrument {
    /// Introduces itself on a line that is connected.
    pub(crate) fn open(line: Shared<Line>, is_alone: bool, unit: u8, script: Script, host: Host) -> Result<Self> {
        let wanted = script.parameters.iter().enumerate().filter_map(|(index, parameter)| {
            let field = parameter.read.as_ref()?;
            let poll = parameter.facts.poll;
            Some(Wanted { index, field, poll })
        });
        let blocks = blocks::plan(&wanted.collect::<Vec<_>>(), script.blocks);
        let mut instrument = Instrument {
            line,
            is_alone,
            unit,
            script,
            blocks,
            host,
            introduced: None,
            started: None,
            is_busy: false,
        };
        let line = instrument.line.clone();
        instrument.introduce(&mut line.lock(), &Uncancelled::OPENING)?;
        Ok(instrument)
    }

    /// Reads a parameter; what is read with it is published.
    pub(crate) fn read(&mut self, index: usize, is_main: bool, cx: &Context<'_>) -> Result<Value> {
        let field = self.field(index)?.clone();
        let block = self.blocks.iter().position(|block| block.members.contains(&index));
        let block = block.filter(|&block| self.blocks[block].members.len() > 1);
        // What is on its way is looked at often: its neighbours can wait.
        let Some(block) = block.filter(|_| !(is_main && self.is_busy)) else {
            return field.decode(&self.read_items(&field, cx)?);
        };
        let Block { place, count, members } = self.blocks[block].clone();
        let answer = self.ask(&Request::Read { place, count }, cx)?;
        let items = match answer {
            Answer::Items(items) => items,
            Answer::Exception(exception) if exception.says_not_there() => {
                self.split(block, exception.name());
                return field.decode(&self.read_items(&field, cx)?);
            }
            other => return Err(self.refused(&Request::Read { place, count }, &other)),
        };
        let part = |field: &Field| items.part(field.place.address - place.address, field.count());
        for neighbour in members.into_iter().filter(|member| *member != index) {
            let parameter = &self.script.parameters[neighbour];
            let value = parameter.read.as_ref().map(|field| field.decode(&part(field)));
            // What is no value is told when its own turn comes.
            if let Some(Ok(value)) = value
                && value.as_f64().is_none_or(f64::is_finite)
            {
                cx.publish(&parameter.facts.name, value);
            }
        }
        field.decode(&part(&field))
    }

    fn field(&self, index: usize) -> Result<&Field> {
        let parameter = self.script.parameters.get(index);
        let field = parameter.and_then(|parameter| parameter.read.as_ref());
        field.ok_or_else(|| Error::new(ErrorKind::InternalError, "the file does not say where it is read"))
    }

    /// From now on the members of a block are read one by one: the instrument does not give them all at once.
    fn split(&mut self, block: usize, why: &str) {
        let block = self.blocks.swap_remove(block);
        let request = Request::Read {
            place: block.place,
            count: block.count,
        };
        for member in block.members {
            if let Ok(field) = self.field(member) {
                let (place, count) = (field.place, field.count());
                self.blocks.push(Block {
                    place,
                    count,
                    members: vec![member],
                });
            }
        }
        let advice =
            "its values are read one by one from now on; `max_gap` or `max_block` in the file would spare the try";
        self.host
            .log(Level::Warn, format!("{request} at once: {why}; {advice}"));
    }

    /// Writes a parameter.
    pub(crate) fn write(&mut self, write: &Write, value: &Value, starts: bool, cx: &Context<'_>) -> Result<()> {
        self.write_value(write, value, cx)?;
        if starts {
            self.started = Some(cx.now());
            self.is_busy = true;
        }
        Ok(())
    }

    /// Runs a command.
    pub(crate) fn run(&mut self, steps: &[Step], argument: &Value, cx: &Context<'_>) -> Result<()> {
        for step in steps {
            self.write_value(&step.write, step.value.as_ref().unwrap_or(argument), cx)?;
        }
        Ok(())
    }

    /// Asks for the status. What was just started counts as busy until the instrument says so itself, or until it has had
    /// the time to.
    pub(crate) fn status(&mut self, query: &StatusQuery, cx: &Context<'_>) -> Result<Status> {
        let number = query.field.decode(&self.read_items(&query.field, cx)?)?;
        let Value::Int(number) = number else {
            return Err(Error::new(ErrorKind::InternalError, "the status is no whole number"));
        };
        let is_busy = match &query.busy_while {
            Some(field) => field.decode(&self.read_items(field, cx)?)? == Value::Bool(true),
            None => false,
        };
        let status = query.status(number, is_busy);
        self.is_busy = status.is_busy();
        let Some(started) = self.started else { return Ok(status) };
        let has_settled = cx.now().since(started) >= query.settle;
        if has_settled || status.is_busy() || status.is_error() {
            self.started = None;
            return Ok(status);
        }
        Ok(Status::busy("starting"))
    }

    /// Stops the instrument. It does not wait for what is owed, and a cancelled call does not keep it.
    pub(crate) fn stop(&mut self, steps: &[Step], cx: &Context<'_>) -> Result<()> {
        self.started = None;
        let patience = Uncancelled::within(cx.remaining());
        let line = self.line.clone();
        let mut line = line.lock();
        for step in steps {
            self.write_on(
                &mut line,
                &step.write,
                step.value.as_ref().unwrap_or(&Value::Unit),
                &patience,
            )?;
        }
        Ok(())
    }

    fn write_value(&mut self, write: &Write, value: &Value, patience: &dyn Patience) -> Result<()> {
        // What does not fit is told before anything is sent.
        let rest = vec![0; usize::from(write.field.count())];
        write.field.encode(value, &rest)?;
        let line = self.line.clone();
        let mut line = line.lock();
        let count = write.field.count();
        let place = write.field.place;
        let first = match write.field.is_part() && write.way != Way::Mask {
            true => Request::Read { place, count },
            false => self.request_of(write, value, &[])?,
        };
        self.ready(&mut line, &first, patience)?;
        self.write_on(&mut line, write, value, patience)
    }

    fn write_on(&mut self, line: &mut Line, write: &Write, value: &Value, patience: &dyn Patience) -> Result<()> {
        let current = match write.field.is_part() && write.way != Way::Mask {
            true => self.read_on(line, &write.field, patience)?,
            false => Items::Words(Vec::new()),
        };
        let request = self.request_of(write, value, current.words())?;
        match self.exchange(line, &request, patience)? {
            Answer::Written => Ok(()),
            other => Err(self.refused(&request, &other)),
        }
    }

    /// The request that writes a value. Of a field that is a part of its registers, `current` are the registers as they are.
    fn request_of(&self, write: &Write, value: &Value, current: &[u16]) -> Result<Request> {
        let place = write.field.place;
        if write.way == Way::Mask {
            let (and, or) = write.field.encode_masked(value)?;
            return Ok(Request::Mask { place, and, or });
        }
        let items = write.field.encode(value, current)?;
        Ok(match write.way {
            Way::Single => Request::WriteOne { place, item: items },
            Way::Multiple | Way::Mask => Request::WriteMany { place, items },
        })
    }

    fn read_items(&mut self, field: &Field, patience: &dyn Patience) -> Result<Items> {
        let (place, count) = (field.place, field.count());
        let request = Request::Read { place, count };
        match self.ask(&request, patience)? {
            Answer::Items(items) => Ok(items),
            other => Err(self.refused(&request, &other)),
        }
    }

    fn read_on(&mut self, line: &mut Line, field: &Field, patience: &dyn Patience) -> Result<Items> {
        let (place, count) = (field.place, field.count());
        let request = Request::Read { place, count };
        match self.exchange(line, &request, patience)? {
            Answer::Items(items) => Ok(items),
            other => Err(self.refused(&request, &other)),
        }
    }

    fn ask(&mut self, request: &Request, patience: &dyn Patience) -> Result<Answer> {
        let line = self.line.clone();
        let mut line = line.lock();
        self.ready(&mut line, request, patience)?;
        self.exchange(&mut line, request, patience)
    }

    /// Sees to it that the next answer is the one to the request, and that the instrument was introduced to.
    fn ready(&mut self, line: &mut Line, request: &Request, patience: &dyn Patience) -> Result<()> {
        let trace = |direction, bytes: &[u8]| self.host.traffic(direction, bytes);
        line.settle(request, &self.call(patience, &trace))?;
        self.introduce(line, patience)
    }

    fn introduce(&mut self, line: &mut Line, patience: &dyn Patience) -> Result<()> {
        let connection = line.connection();
        if self.introduced == Some(connection) {
            return Ok(());
        }
        for index in 0..self.script.init.len() {
            let step = self.script.init[index].clone();
            let value = step.value.unwrap_or(Value::Unit);
            self.write_on(line, &step.write, &value, patience)
                .map_err(|error| error.context("init"))?;
        }
        self.introduced = Some(connection);
        Ok(())
    }

    fn exchange(&self, line: &mut Line, request: &Request, patience: &dyn Patience) -> Result<Answer> {
        let trace = |direction, bytes: &[u8]| self.host.traffic(direction, bytes);
        line.exchange(request, &self.call(patience, &trace))
    }

    fn call<'c>(&self, patience: &'c dyn Patience, trace: &'c dyn Fn(baton_plugin_api::Direction, &[u8])) -> Call<'c> {
        Call {
            unit: self.unit,
            reply_timeout: self.script.reply_timeout,
            pause: self.script.pause,
            patience,
            trace,
        }
    }

    /// The error for an answer that is not what was asked for.
    fn refused(&self, request: &Request, answer: &Answer) -> Error {
        match answer {
            Answer::Exception(exception) => {
                let error = exception.to_error(request);
                match exception.is_gateways() && !self.is_alone {
                    // Told as a lost line, it would take the neighbours along.
                    true => Error::timeout(format!("unit {} does not answer: {}", self.unit, error.message())),
                    false => error,
                }
            }
            _ => Error::new(
                ErrorKind::InternalError,
                format!("{request}: answered by something else"),
            ),
        }
    }
}

impl Argument {
    /// Whether an argument is within its limits.
    ///
    /// # Errors
    /// `RangeError`, with the limits.
    pub(crate) fn check(&self, value: &Value) -> Result<()> {
        let (Some((lower, upper)), Some(x)) = (self.limits, value.as_f64()) else {
            return Ok(());
        };
        match (lower..=upper).contains(&x) {
            true => Ok(()),
            false => Err(Error::range(format!(
                "the argument {x} is outside the limits {lower} to {upper}"
            ))),
        }
    }
}
