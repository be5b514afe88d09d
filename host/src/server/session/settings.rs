//! `_set_zero` and `_reopen`: what a user may do to a device besides setting and running.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};
use tokio::time::timeout_at;

use super::{
    super::{
        reply::{self, Line, Report},
        request::Request,
        value,
    },
    ANSWER_WITHIN, Answer, Session,
};
use crate::executor::Abandoned;

impl Session {
    /// `_set_zero TOKEN {"path":"stage.position","value":"0 mm"}`: lets the place where it is be called that (D8).
    pub(super) fn set_zero(&mut self, request: Request<'_>) {
        if let Err(report) = self.begin_set_zero(request) {
            self.fail(request, report);
        }
    }

    fn begin_set_zero(&mut self, request: Request<'_>) -> Result<(), Report> {
        let json = object(request)?;
        let path = text(&json, "path")?;
        let (device, name) = crate::device::split_path(&path);
        let device = Arc::clone(self.shared.lab.device(device)?);
        let index = device.parameter(name)?.index();
        let datatype = &device.parameters()[index].description().datatype;
        let wanted = json.get("value").cloned().unwrap_or(json!(0));
        let wanted =
            value::parse(wanted, datatype).map_err(|why| Report::new("WrongType", format!("{path}: {why}")))?;
        let call = self.owner.patient_for(ANSWER_WITHIN).set_zero(&path, wanted)?;
        let (token, deadline) = (request.specifier.to_owned(), Self::deadline());
        self.answer_later(request, async move {
            let line = match timeout_at(deadline.into(), call).await {
                Ok(Ok(reading)) => {
                    let parameter = &device.parameters()[index];
                    let mut data = format!("{{\"path\":{},\"reading\":", json!(&**parameter.path()));
                    reply::push_reading(&mut data, &reading, &parameter.description().datatype, None);
                    data += &format!(",\"zero\":{:?}}}", parameter.frame().zero());
                    Line::new("_zero", &token, &data)
                }
                Ok(Err(failure)) => Line::error("_set_zero", &token, &failure.into()),
                Err(_) => Line::error("_set_zero", &token, &Report::still_running(&path, ANSWER_WITHIN, None)),
            };
            Answer::from(line)
        });
        Ok(())
    }

    /// `_reopen TOKEN {"device":"stage"}`: closes it and opens it again (D6).
    pub(super) fn reopen(&mut self, request: Request<'_>) {
        if let Err(report) = self.begin_reopen(request) {
            self.fail(request, report);
        }
    }

    fn begin_reopen(&mut self, request: Request<'_>) -> Result<(), Report> {
        let json = object(request)?;
        let device = text(&json, "device")?;
        let (call, abandoned) = match json.get("abandon").and_then(Json::as_bool) {
            Some(true) => self.owner.abandon(&device)?,
            _ => (self.owner.reopen(&device)?, Abandoned::NotStuck),
        };
        let behind = match &abandoned {
            Abandoned::Behind(behind) => json!(behind),
            Abandoned::NotStuck | Abandoned::Killed => Json::Null,
        };
        let data = json!({ "device": device, "left_behind": behind, "killed": abandoned == Abandoned::Killed });
        let (token, deadline) = (request.specifier.to_owned(), Self::deadline());
        self.answer_later(request, async move {
            let line = match timeout_at(deadline.into(), call).await {
                Ok(Ok(_)) => Line::new("_reopened", &token, &data.to_string()),
                // That it is not open now is said with what was done about it.
                Ok(Err(failure)) => Line::error("_reopen", &token, &Report::from(failure).with_detail(data)),
                Err(_) => Line::error("_reopen", &token, &Report::still_running(&device, ANSWER_WITHIN, None)),
            };
            Answer::from(line)
        });
        Ok(())
    }
}

pub(super) fn object(request: Request<'_>) -> Result<Map<String, Json>, Report> {
    match request.json()? {
        Json::Object(map) => Ok(map),
        _ => Err(Report::protocol("expected a JSON object")),
    }
}

pub(super) fn text(map: &Map<String, Json>, key: &str) -> Result<String, Report> {
    let text = map.get(key).and_then(Json::as_str);
    text.map(str::to_owned)
        .ok_or_else(|| Report::protocol(format!("`{key}` is missing, which is a text")))
}
