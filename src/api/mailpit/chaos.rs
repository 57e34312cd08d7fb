//! `/api/v1/chaos`: makes SMTP fail at random, by rules that `/v1/rules` shows as well.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::super::target::Target;
use super::{Refusal, body};
use crate::rule::{Mounted, Rule};
use crate::scenario::{rule_as_json, rule_from_json};
use crate::server::Server;
use crate::world::World;

/// Where SMTP fails, how, and how often.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
#[schema(as = ChaosTriggers)]
pub(super) struct Triggers {
    sender: Trigger,
    recipient: Trigger,
    authentication: Trigger,
}

/// How SMTP fails, and how often.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
#[schema(as = ChaosTrigger)]
pub(super) struct Trigger {
    /// From 400 to 599.
    error_code: u16,
    /// In percent.
    probability: u8,
}

/// Triggers in a request; one that is missing is off.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    sender: WantedTrigger,
    recipient: WantedTrigger,
    authentication: WantedTrigger,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "lowercase")]
struct WantedTrigger {
    #[serde(rename = "errorcode")]
    error_code: i64,
    probability: i64,
}

/// One trigger: its rule's name, the event, and the code if none is given.
struct Place {
    rule: &'static str,
    event: &'static str,
    code: u16,
}

const SENDER: Place = Place { rule: "mailpit-chaos-sender", event: "smtp.mail", code: 451 };
const RECIPIENT: Place = Place { rule: "mailpit-chaos-recipient", event: "smtp.rcpt", code: 451 };
const AUTHENTICATION: Place = Place { rule: "mailpit-chaos-authentication", event: "smtp.auth", code: 535 };

impl Place {
    fn mounted<'w>(&self, world: &'w World) -> Option<&'w Mounted> {
        world.rulebook.rules().iter().find(|mounted| *mounted.rule.id == *self.rule)
    }

    /// What the rule does, whoever mounted or changed it.
    fn read(&self, world: &World) -> Trigger {
        let Some(mounted) = self.mounted(world) else { return Trigger { error_code: self.code, probability: 0 } };
        let rule = rule_as_json(&mounted.rule);
        let step = rule["do"].get(0).unwrap_or(&rule["do"]);
        let code = step["reply"].as_str().and_then(|reply| reply.get(..3)?.parse().ok());
        let chance = if mounted.enabled { mounted.rule.chance.unwrap_or(1.0) } else { 0.0 };
        Trigger { error_code: code.unwrap_or(self.code), probability: (chance * 100.0).round() as u8 }
    }

    /// The trigger in a request.
    fn wanted(&self, wanted: &WantedTrigger) -> Result<Trigger, Refusal> {
        let code = if wanted.error_code == 0 { i64::from(self.code) } else { wanted.error_code };
        let error_code = u16::try_from(code).ok().filter(|code| (400..600).contains(code));
        let error_code = error_code.ok_or_else(|| Refusal::wrong("error code must be between 400 and 599"))?;
        let probability = u8::try_from(wanted.probability).ok().filter(|its| *its <= 100);
        let probability = probability.ok_or_else(|| Refusal::wrong("probability must be between 0 and 100"))?;
        Ok(Trigger { error_code, probability })
    }

    /// The rule of a trigger. One without a probability remembers the code.
    fn rule(&self, server: &Server, trigger: &Trigger) -> Result<Option<Arc<Rule>>, Refusal> {
        let Trigger { error_code, probability } = *trigger;
        if probability == 0 && error_code == self.code {
            return Ok(None);
        }
        let mut rule = json!({
            "id": self.rule,
            "on": self.event,
            "do": { "reply": format!("{error_code} Chaos: this error was asked for") },
        });
        if (1..100).contains(&probability) {
            rule["chance"] = Value::from(f64::from(probability) / 100.0);
        }
        let in_force = server.engine().read(World::in_force);
        let rule = rule_from_json(&rule, "set by /api/v1/chaos", &in_force);
        rule.map(|new| Some(Arc::new(new.rule))).map_err(|error| Refusal::wrong(error.to_string()))
    }
}

impl Triggers {
    fn read(world: &World) -> Self {
        Self {
            sender: SENDER.read(world),
            recipient: RECIPIENT.read(world),
            authentication: AUTHENTICATION.read(world),
        }
    }
}

/// The triggers.
#[utoipa::path(get, path = "/api/v1/chaos", tag = "testing", operation_id = "GetChaos",
    responses((status = 200, body = Triggers)))]
pub(super) async fn get(Target(server): Target) -> Json<Triggers> {
    Json(server.engine().read(Triggers::read))
}

/// Sets the triggers; those that are missing are off.
#[utoipa::path(put, path = "/api/v1/chaos", tag = "testing", operation_id = "SetChaos", request_body = Triggers,
    responses((status = 200, body = Triggers), (status = 400, body = String)))]
pub(super) async fn put(Target(server): Target, octets: Bytes) -> Result<Json<Triggers>, Refusal> {
    let wanted: Wanted = body::read(&octets)?;
    let places = [(SENDER, wanted.sender), (RECIPIENT, wanted.recipient), (AUTHENTICATION, wanted.authentication)];
    let mut rules = Vec::new();
    for (place, wanted) in places {
        let trigger = place.wanted(&wanted)?;
        let rule = place.rule(&server, &trigger)?;
        rules.push((place, trigger, rule));
    }
    Ok(Json(server.engine().update(|world, now| {
        for (place, trigger, rule) in rules {
            while let Some(no) = place.mounted(world).map(|mounted| mounted.no) {
                world.rulebook.unmount(no);
            }
            if let Some(rule) = rule {
                let no = world.mount(rule, now);
                world.rulebook.enable(no, trigger.probability > 0);
            }
        }
        Triggers::read(world)
    })))
}
