//! Query parameters, taken one by one. A wrong value and an unknown parameter are errors that name the parameter.

use std::time::Duration;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;

use super::problem::Problem;
use crate::base::{Pattern, Seq, SessionNo, span};
use crate::expect::Matcher;

/// A query's parameters.
pub(super) struct Params {
    given: Vec<(String, String)>,
    known: Vec<&'static str>,
}

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let Query(given) = query.map_err(|rejection| Problem::field("query", rejection.body_text()))?;
        Ok(Self { given, known: Vec::new() })
    }
}

impl Params {
    /// The value of a parameter, if present. A repeated parameter is an error.
    pub(super) fn take(&mut self, name: &'static str) -> Result<Option<String>, Problem> {
        self.known.push(name);
        let mut given = self.given.extract_if(.., |(its, _)| its == name).map(|(_, value)| value);
        let value = given.next();
        if given.next().is_some() {
            return Err(Problem::field(name, format!("`{name}` may occur only once")));
        }
        Ok(value)
    }

    /// All values of a parameter that may be repeated.
    pub(super) fn take_all(&mut self, name: &'static str) -> Vec<String> {
        self.known.push(name);
        self.given.extract_if(.., |(its, _)| its == name).map(|(_, value)| value).collect()
    }

    pub(super) fn pattern(&mut self, name: &'static str) -> Result<Option<Pattern>, Problem> {
        self.typed(name, |value| Pattern::parse(value).map_err(|error| error.to_string()))
    }

    /// A filter by listener.
    pub(super) fn listener(&mut self) -> Result<Option<Matcher>, Problem> {
        let name = self.pattern("listener")?;
        name.map(Matcher::listener).transpose().map_err(|unknown| Problem::field("listener", unknown))
    }

    pub(super) fn session(&mut self, name: &'static str) -> Result<Option<SessionNo>, Problem> {
        self.typed(name, |value| {
            SessionNo::parse(value).ok_or_else(|| format!("`{value}` is not a session; write `s1`"))
        })
    }

    pub(super) fn number(&mut self, name: &'static str) -> Result<Option<u64>, Problem> {
        self.typed(name, |value| value.parse().map_err(|_| format!("`{value}` is not a number")))
    }

    pub(super) fn cursor(&mut self, name: &'static str) -> Result<Option<Seq>, Problem> {
        Ok(self.number(name)?.map(Seq))
    }

    /// `true`, `false`, or absent.
    pub(super) fn choice(&mut self, name: &'static str) -> Result<Option<bool>, Problem> {
        self.typed(name, |value| match value {
            "" | "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(format!("`{value}` is neither `true` nor `false`")),
        })
    }

    pub(super) fn flag(&mut self, name: &'static str) -> Result<bool, Problem> {
        Ok(self.choice(name)?.unwrap_or(false))
    }

    pub(super) fn duration(&mut self, name: &'static str) -> Result<Option<Duration>, Problem> {
        self.typed(name, duration)
    }

    pub(super) fn typed<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Problem> {
        let value = self.take(name)?;
        value.map(|value| read(&value).map_err(|wrong| Problem::field(name, wrong))).transpose()
    }

    /// Fails if there are unknown parameters.
    pub(super) fn finish(self) -> Result<(), Problem> {
        let Some((name, _)) = self.given.first() else { return Ok(()) };
        let known = self.known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let detail = match self.known.is_empty() {
            true => format!("unknown parameter `{name}`: this resource takes none"),
            false => format!("unknown parameter `{name}`: this resource takes {known}"),
        };
        Err(Problem::field(name, detail))
    }
}

/// A duration such as `500ms`, `5s` or `2m`, as in scenarios.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let micros = span(text).ok_or_else(|| format!("`{text}` is not a time; write `500ms`, `5s` or `2m`"))?;
    Ok(Duration::from_micros(micros))
}

/// A resource without parameters.
pub(super) struct NoParams;

impl<S: Send + Sync> FromRequestParts<S> for NoParams {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Params::from_request_parts(parts, state).await?.finish().map(|()| Self)
    }
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
