//! The files of the page, embedded in the binary.
//!
//! Each has the path that it is served at, and a tag of its contents, so that a browser asks for it again and gets it
//! only when it has changed: after an upgrade of netmon.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use axum::{
    Router,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};

/// A file of the page.
#[derive(Clone, Copy)]
struct File {
    /// Where it is served.
    path: &'static str,
    /// Its type, as `content-type` has it.
    kind: &'static str,
    contents: &'static [u8],
}

/// Declares files by the path, the type, and the place in `page/`.
macro_rules! files {
    ($(($path:literal, $kind:expr, $place:literal),)*) => {
        &[$(File { path: $path, kind: $kind, contents: include_bytes!(concat!("page/", $place)) },)*]
    };
}

const HTML: &str = "text/html; charset=utf-8";

/// Every file.
const FILES: &[File] = files![("/", HTML, "index.html"),];

/// Adds a route for each file.
pub(super) fn routes<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    FILES.iter().fold(router, |router, file| {
        router.route(file.path, get(async move |headers: HeaderMap| file.response(&headers)))
    })
}

impl File {
    /// Returns the file, or 304 if the client has it already.
    fn response(&self, headers: &HeaderMap) -> Response {
        let tag = self.tag();
        let always = [(header::ETAG, tag.as_str()), (header::CACHE_CONTROL, "no-cache")];
        if is_known(headers, &tag) {
            return (StatusCode::NOT_MODIFIED, always).into_response();
        }
        (always, [(header::CONTENT_TYPE, self.kind)], self.contents).into_response()
    }

    /// Returns the entity tag of the contents (RFC 9110, 8.8.3).
    fn tag(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.contents.hash(&mut hasher);
        format!("\"{:016x}\"", hasher.finish())
    }
}

/// Returns whether the client has contents of this tag.
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let lists = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|list| list.to_str().ok());
    let mut known = lists.flat_map(|list| list.split(',')).map(str::trim);
    known.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(known: &str) -> StatusCode {
        let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, known.parse().unwrap())]);
        FILES[0].response(&headers).status()
    }

    #[test]
    fn a_file_that_the_client_has_is_not_sent_again() {
        let tag = FILES[0].tag();
        for known in [tag.clone(), format!("\"other\", W/{tag}"), "*".to_owned()] {
            assert_eq!(status(&known), StatusCode::NOT_MODIFIED, "{known}");
        }
        assert_eq!(status("\"other\""), StatusCode::OK);
        let response = FILES[0].response(&HeaderMap::new());
        assert_eq!((response.status(), &response.headers()["etag"]), (StatusCode::OK, tag.as_str()));
        assert_eq!(response.headers()["cache-control"], "no-cache");
    }

    #[test]
    fn every_path_is_there_once() {
        let mut paths: Vec<_> = FILES.iter().map(|file| file.path).collect();
        paths.sort_unstable();
        paths.dedup();
        assert_eq!(paths.len(), FILES.len());
    }
}
