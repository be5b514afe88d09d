//! What every call of a device has in common.

use crate::{Context, Result, Table, Value};

/// Which of its functions a device is called for; see [`Table::around`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// The read function of this parameter.
    Read(&'a str),
    /// The write function of this parameter.
    Write(&'a str),
    /// This command.
    Command(&'a str),
    /// The status function.
    Status,
    /// The stop function.
    Stop,
}

/// The function of the table that is due. A write or stop returns [`Value::Unit`].
pub type Body<'a, D> = Box<dyn FnOnce(&mut D) -> Result<Value> + 'a>;

pub(crate) type AroundFn<D> = Box<dyn Fn(&mut D, Entry<'_>, &Context<'_>, Body<'_, D>) -> Result<Value> + Send + Sync>;

impl<D: 'static> Table<D> {
    /// What happens around each call: choose the channel of a shared box before it, or look into the instrument's error
    /// queue after it. The function calls `body` where the call itself belongs, and returns what that returned.
    ///
    /// ```
    /// # use baton_plugin_api::{Context, Device, Entry, Error, Host, Result, Table, schemars::{self, JsonSchema}};
    /// # #[derive(serde::Deserialize, JsonSchema)] struct Options {}
    /// # struct Supply;
    /// # impl Supply {
    /// #   fn query(&mut self, _: &str) -> Result<String> { Ok("0,\"No error\"".into()) }
    /// #   fn set_voltage(&mut self, _: f64, _: &Context) -> Result<()> { Ok(()) }
    /// # }
    /// # impl Device for Supply {
    /// #   type Options = Options;
    /// #   const TYPE: &'static str = "supply";
    /// #   fn open(_: Options, _: Host) -> Result<Self> { Ok(Supply) }
    /// fn table(t: &mut Table<Self>) {
    ///     t.around(|supply, entry, _, body| {
    ///         let value = body(supply)?;
    ///         if let Entry::Write(parameter) = entry {
    ///             let answer = supply.query("SYST:ERR?")?;
    ///             if !answer.starts_with("0,") {
    ///                 return Err(Error::hardware(answer).context(parameter));
    ///             }
    ///         }
    ///         Ok(value)
    ///     });
    ///     t.parameter("voltage").unit("V").write(Self::set_voltage);
    /// }
    /// # }
    /// ```
    pub fn around(
        &mut self,
        around: impl Fn(&mut D, Entry<'_>, &Context<'_>, Body<'_, D>) -> Result<Value> + Send + Sync + 'static,
    ) {
        self.around = Some(Box::new(around));
    }

    /// Runs `body`, inside of what the author put around each call.
    pub(crate) fn enter(
        &self,
        device: &mut D,
        entry: Entry<'_>,
        cx: &Context<'_>,
        body: impl FnOnce(&mut D) -> Result<Value>,
    ) -> Result<Value> {
        match &self.around {
            Some(around) => around(device, entry, cx, Box::new(body)),
            None => body(device),
        }
    }
}
