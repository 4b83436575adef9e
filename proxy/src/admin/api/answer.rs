//! Answers of the API: JSON, also where something is wrong.
//! Never: decides who may ask ([`super::super::permission`] does). Bound: what a body may have is said by who reads it.

use axum::body::{Body, to_bytes};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use super::super::permission::Denied;
use super::super::topology;

/// Longest body of an order, and of what is to be explained.
const LONGEST_BODY: usize = 64 * 1024;

/// A value as the body of an answer.
#[derive(Debug)]
pub(in crate::admin) struct Json<T>(pub(in crate::admin) T);

/// What came of a request.
pub(super) type Outcome<T> = Result<Json<T>, Problem>;

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(mut text) => {
                text.push(b'\n');
                ([(header::CONTENT_TYPE, "application/json")], text).into_response()
            }
            Err(error) => {
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response()
            }
        }
    }
}

/// Why a request is not carried out.
#[derive(Debug)]
pub(in crate::admin) struct Problem {
    status: StatusCode,
    text: String,
}

/// Why a request is not carried out.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProblemDescribed {
    /// In words.
    error: String,
    /// The status of the answer, again.
    status: u16,
}

impl Problem {
    pub(in crate::admin) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { status, text }
    }

    pub(in crate::admin) fn malformed(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let described = ProblemDescribed {
            error: self.text,
            status: self.status.as_u16(),
        };
        let mut response = Json(described).into_response();
        *response.status_mut() = self.status;
        response
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        Self::new(denied.status(), denied.to_string())
    }
}

impl From<topology::Problem> for Problem {
    fn from(problem: topology::Problem) -> Self {
        Self::new(problem.status(), problem.to_string())
    }
}

/// What an order says.
pub(super) async fn said<T: DeserializeOwned>(body: Body) -> Result<T, Problem> {
    let body = to_bytes(body, LONGEST_BODY).await.map_err(|_| {
        let text = format!("the body is longer than {LONGEST_BODY} bytes, or did not arrive");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, text)
    })?;
    // Where nothing needs to be said, nothing says it.
    let body = if body.is_empty() { &b"{}"[..] } else { &body };
    serde_json::from_slice(body).map_err(|error| Problem::malformed(format!("the body: {error}")))
}

/// The numbers behind the question mark, in the order of their names; each may be missing.
pub(super) fn numbers<const COUNT: usize>(
    uri: &Uri,
    names: [&str; COUNT],
) -> Result<[Option<u64>; COUNT], Problem> {
    let given = topology::query(uri, &names)?;
    let mut numbers = [None; COUNT];
    for (name, place) in names.iter().zip(&mut numbers) {
        if let Some(text) = given.get(name) {
            let number = text.parse();
            let number = number.map_err(|_| Problem::malformed(format!("{name} is a number")))?;
            *place = Some(number);
        }
    }
    Ok(numbers)
}

/// Every other path.
pub(super) async fn no_such_path(uri: Uri) -> Problem {
    let text = format!(
        "there is no /api/v1{}; /api/v1/openapi.json lists what there is",
        uri.path()
    );
    Problem::new(StatusCode::NOT_FOUND, text)
}

/// Every other method.
pub(super) async fn no_such_method(uri: Uri) -> Problem {
    let text = format!(
        "/api/v1{} is not asked so; /api/v1/openapi.json says how",
        uri.path()
    );
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_numbers_and_nothing_else_is_asked_for() {
        let check = |query: &str, expected: Option<[Option<u64>; 2]>| {
            let uri: Uri = format!("/x{query}").parse().unwrap();
            let found = numbers(&uri, ["after", "limit"]).ok();
            assert_eq!(found, expected, "{query}");
        };
        check("", Some([None, None]));
        check("?limit=7", Some([None, Some(7)]));
        check("?after=0&limit=7", Some([Some(0), Some(7)]));
        for wrong in ["?limit=", "?limit=-1", "?limit=1&limit=2", "?least=1"] {
            check(wrong, None);
        }
    }
}
