//! `/v1/state`: the variables that rules share.

use axum::Json;
use axum::body::Bytes;
use axum::http::StatusCode;
use serde_json::Value;

use super::body::value;
use super::params::NoParams;
use super::problem::Problem;
use super::target::Target;
use crate::rule::{Variable as Name, VariableValue as Variable};

/// Get the variables that rules share.
#[utoipa::path(get, path = "/state", responses((status = 200, description = "The variables by name.", body = Object)))]
pub(super) async fn state(Target(server): Target, _: NoParams) -> Json<Value> {
    Json(server.engine().read(|world| {
        let variables = world.rulebook.variables.state().iter().map(|(name, set)| {
            let value = match &set.value {
                Variable::Text(text) => Value::from(&**text),
                Variable::Number(number) => Value::from(*number),
                Variable::Truth(truth) => Value::from(*truth),
            };
            (name.to_string(), value)
        });
        Value::Object(variables.collect())
    }))
}

/// Set variables. The body is an object with their values: strings, integers, true or false.
#[utoipa::path(put, path = "/state", request_body = Object, responses((status = 204, description = "They are set.")))]
pub(super) async fn set_state(Target(server): Target, _: NoParams, body: Bytes) -> Result<StatusCode, Problem> {
    let Value::Object(map) = value(&body)? else {
        return Err(Problem::field("body", "the body must be an object with variables and their values"));
    };
    let mut values = Vec::new();
    for (name, value) in map {
        let state = match value {
            Value::String(text) => Variable::Text(text.into()),
            Value::Bool(truth) => Variable::Truth(truth),
            Value::Number(number) => match number.as_i64() {
                Some(number) => Variable::Number(number),
                None => return Err(Problem::field(&name, "a number must be an integer")),
            },
            Value::Null | Value::Array(_) | Value::Object(_) => {
                return Err(Problem::field(&name, "a variable must be a string, an integer, true or false"));
            }
        };
        values.push((Name { name: name.into(), is_session: false }, state));
    }
    server.engine().update(|world, now| world.set_state(values, now));
    Ok(StatusCode::NO_CONTENT)
}
