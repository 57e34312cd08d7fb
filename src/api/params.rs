//! Query parameters and path parameters. A wrong value and an unknown parameter are errors that name the parameter.

use std::time::Duration;

use axum::extract::{FromRequestParts, Query as RawQuery};
use axum::http::request::Parts;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{KnownFormat, Required, SchemaFormat};

use super::problem::Problem;
use crate::base::{MessageNo, Pattern, Seq, SessionNo, Timestamp, span};
use crate::protocol::{Event, unknown_event};

/// The parameters of a query that have not been read yet, and the names of all that were asked for.
pub(super) struct Params {
    given: Vec<(String, String)>,
    known: Vec<&'static str>,
}

/// Parameters of a query: one, or a group of them.
pub(super) trait Query: Sized {
    /// Reads this parameter, or the parameters of this group, which have names of their own.
    fn take(params: &mut Params, name: &'static str) -> Result<Self, Problem>;

    /// Describes them for the OpenAPI document.
    fn describe(name: &str, text: &str) -> Vec<Parameter>;
}

/// Parameters, each with its name and whether it was given.
pub(super) type Given<'a> = &'a [(&'static str, bool)];

/// The value of a parameter.
pub(super) trait Value: Sized {
    fn read(text: &str) -> Result<Self, String>;

    fn schema() -> ObjectBuilder;
}

/// Declares the query of a resource: an extractor, and its description in the OpenAPI document. Each field is a
/// parameter or a group of parameters; its comment is the description. Further parameters are errors.
macro_rules! query {
    (
        $(#[$outer:meta])*
        $visibility:vis struct $name:ident {
            $($(#[doc = $text:expr])+ $field_visibility:vis $field:ident: $type:ty,)*
        }
    ) => {
        $(#[$outer])*
        $visibility struct $name {
            $($(#[doc = $text])+ $field_visibility $field: $type,)*
        }

        impl $crate::api::params::Query for $name {
            fn take(
                _params: &mut $crate::api::params::Params,
                _: &'static str,
            ) -> Result<Self, $crate::api::problem::Problem> {
                Ok(Self { $($field: $crate::api::params::Query::take(_params, stringify!($field))?,)* })
            }

            fn describe(_: &str, _: &str) -> Vec<utoipa::openapi::path::Parameter> {
                let groups: Vec<Vec<utoipa::openapi::path::Parameter>> = vec![
                    $(<$type as $crate::api::params::Query>::describe(stringify!($field), concat!($($text, "\n"),+)),)*
                ];
                groups.into_iter().flatten().collect()
            }
        }

        impl<S: Send + Sync> axum::extract::FromRequestParts<S> for $name {
            type Rejection = $crate::api::problem::Problem;

            async fn from_request_parts(
                parts: &mut axum::http::request::Parts,
                _: &S,
            ) -> Result<Self, $crate::api::problem::Problem> {
                $crate::api::params::read(parts)
            }
        }

        impl utoipa::IntoParams for $name {
            fn into_params(
                _: impl Fn() -> Option<utoipa::openapi::path::ParameterIn>,
            ) -> Vec<utoipa::openapi::path::Parameter> {
                <Self as $crate::api::params::Query>::describe("", "")
            }
        }
    };
}
pub(super) use query;

/// Reads the query of a request; further parameters are errors.
pub(super) fn read<Q: Query>(parts: &Parts) -> Result<Q, Problem> {
    let given = RawQuery::<Vec<(String, String)>>::try_from_uri(&parts.uri);
    let RawQuery(given) = given.map_err(|rejection| Problem::field("query", rejection.body_text()))?;
    from_pairs(given)
}

/// Reads filters that are named like the parameters of a query; further ones are errors.
pub(super) fn from_pairs<Q: Query>(given: Vec<(String, String)>) -> Result<Q, Problem> {
    let mut params = Params { given, known: Vec::new() };
    let query = Q::take(&mut params, "")?;
    params.finish()?;
    Ok(query)
}

impl Params {
    /// Fails if there are unknown parameters.
    fn finish(self) -> Result<(), Problem> {
        let Some((name, _)) = self.given.first() else { return Ok(()) };
        let known = self.known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let detail = match self.known.is_empty() {
            true => format!("unknown parameter `{name}`: this resource takes none"),
            false => format!("unknown parameter `{name}`: this resource takes {known}"),
        };
        Err(Problem::field(name, detail))
    }

    fn values<T: Value>(&mut self, name: &'static str) -> Result<Vec<T>, Problem> {
        self.known.push(name);
        let given = self.given.extract_if(.., |(its, _)| its == name);
        given.map(|(_, value)| T::read(&value).map_err(|wrong| Problem::field(name, wrong))).collect()
    }
}

/// A parameter that may be absent.
impl<T: Value> Query for Option<T> {
    fn take(params: &mut Params, name: &'static str) -> Result<Self, Problem> {
        let mut values = params.values(name)?;
        let value = values.pop();
        match values.is_empty() {
            true => Ok(value),
            false => Err(Problem::field(name, format!("`{name}` may occur only once"))),
        }
    }

    fn describe(name: &str, text: &str) -> Vec<Parameter> {
        vec![parameter(name, text, T::schema().into())]
    }
}

/// A parameter that may be repeated.
impl<T: Value> Query for Vec<T> {
    fn take(params: &mut Params, name: &'static str) -> Result<Self, Problem> {
        params.values(name)
    }

    fn describe(name: &str, text: &str) -> Vec<Parameter> {
        vec![parameter(name, text, ArrayBuilder::new().items(T::schema()).into())]
    }
}

fn parameter(name: &str, text: &str, schema: Schema) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(text.trim().replace("\n ", "\n")))
        .schema(Some(schema))
        .build()
}

fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

impl Value for String {
    fn read(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }

    fn schema() -> ObjectBuilder {
        string()
    }
}

impl Value for Pattern {
    fn read(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|error| error.to_string())
    }

    fn schema() -> ObjectBuilder {
        string()
    }
}

impl Value for u64 {
    fn read(text: &str) -> Result<Self, String> {
        // The schema says `int64`, the largest integer that clients in other languages have.
        let number = text.parse().ok().filter(|number| i64::try_from(*number).is_ok());
        number.ok_or_else(|| format!("`{text}` is not a number, or is too large"))
    }

    fn schema() -> ObjectBuilder {
        let number = ObjectBuilder::new().schema_type(Type::Integer);
        number.format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64))).minimum(Some(0))
    }
}

/// A cursor.
impl Value for Seq {
    fn read(text: &str) -> Result<Self, String> {
        u64::read(text).map(Seq)
    }

    fn schema() -> ObjectBuilder {
        u64::schema()
    }
}

impl Value for MessageNo {
    fn read(text: &str) -> Result<Self, String> {
        Self::parse(text).ok_or_else(|| format!("`{text}` is not a message; write `m1`"))
    }

    fn schema() -> ObjectBuilder {
        string().pattern(Some("^m?[1-9][0-9]*$"))
    }
}

impl Value for SessionNo {
    fn read(text: &str) -> Result<Self, String> {
        Self::parse(text).ok_or_else(|| format!("`{text}` is not a session; write `s1`"))
    }

    fn schema() -> ObjectBuilder {
        string().pattern(Some("^s?[0-9]+$"))
    }
}

impl Value for Event {
    fn read(text: &str) -> Result<Self, String> {
        Self::parse(text).ok_or_else(|| {
            let (message, help) = unknown_event(text);
            format!("{message}; {help}")
        })
    }

    fn schema() -> ObjectBuilder {
        string()
    }
}

impl Value for Timestamp {
    fn read(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a date and time; write it as `2026-01-01T12:00:00Z`");
        Self::parse(text).ok_or_else(wrong)
    }

    fn schema() -> ObjectBuilder {
        string().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
    }
}

impl Value for Duration {
    fn read(text: &str) -> Result<Self, String> {
        duration(text)
    }

    fn schema() -> ObjectBuilder {
        string().pattern(Some(r"^([0-9]+(us|ms|s|m|h|d) ?)+$"))
    }
}

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Oldest,
    Newest,
}

impl Value for Order {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "oldest" => Ok(Self::Oldest),
            "newest" => Ok(Self::Newest),
            _ => Err(format!("`{text}` is not an order; write `oldest` or `newest`")),
        }
    }

    fn schema() -> ObjectBuilder {
        string().enum_values(Some(["oldest", "newest"]))
    }
}

/// `true`, `false`, or present without a value, which means `true`.
impl Value for bool {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "" | "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(format!("`{text}` is neither `true` nor `false`")),
        }
    }

    fn schema() -> ObjectBuilder {
        let values = [serde_json::json!(true), serde_json::json!(false), serde_json::json!("")];
        ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::Boolean, Type::String])).enum_values(Some(values))
    }
}

/// A duration such as `500ms`, `5s` or `2m`, as in scenarios.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let micros = span(text).ok_or_else(|| format!("`{text}` is not a time; write `500ms`, `5s` or `2m`"))?;
    Ok(Duration::from_micros(micros))
}

query! {
    /// A resource without parameters.
    pub(super) struct NoParams {}
}

/// The parameters of a path, as text.
pub(super) struct Path<T>(pub(super) T);

impl<S: Send + Sync, T: serde::de::DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        path.map(|axum::extract::Path(path)| Self(path))
            .map_err(|rejection| Problem::field("path", rejection.body_text()))
    }
}
