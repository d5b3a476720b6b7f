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

/// Declares the files in `page/`, by their type. All but the first are below `/page/`.
macro_rules! files {
    ($index:literal; $($kind:ident: [$($name:literal),* $(,)?])*) => {
        &[
            File { path: "/", kind: HTML, contents: include_bytes!(concat!("page/", $index)) },
            $($(File {
                path: concat!("/page/", $name),
                kind: $kind,
                contents: include_bytes!(concat!("page/", $name)),
            },)*)*
        ]
    };
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const TEXT: &str = "text/plain; charset=utf-8";

/// Every file. The licences are served, too: they belong to every copy of what they are about.
#[rustfmt::skip]
const FILES: &[File] = files![
    "index.html";
    CSS: ["base.css", "panel.css", "picture.css", "vendor/uPlot.min.css"]
    JS: [
        "app.js", "arrangement.js", "blocks.js", "box_view.js",
        "charts.js", "commands.js", "details.js", "dom.js",
        "drag.js", "fold_panel.js", "format.js", "geometry.js",
        "graph.js", "health.js", "heatmap.js", "history.js",
        "keys.js", "layout.js", "line_view.js", "link_panel.js",
        "measure.js", "model.js", "names.js", "namespace_panel.js",
        "panel.js", "parts.js", "picture.js", "picture_keys.js",
        "relax.js", "search.js", "series.js", "spine.js",
        "state.js", "stream.js", "table.js", "theme.js",
        "trace.js", "trace_panel.js", "viewport.js", "vendor/d3-dispatch.min.js",
        "vendor/d3-force.min.js", "vendor/d3-quadtree.min.js", "vendor/d3-timer.min.js", "vendor/uPlot.iife.min.js",
    ]
    SVG: ["icon.svg"]
    TEXT: [
        "vendor/d3-dispatch.LICENSE", "vendor/d3-force.LICENSE", "vendor/d3-quadtree.LICENSE", "vendor/d3-timer.LICENSE",
        "vendor/uPlot.LICENSE",
    ]
];

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
    use std::{
        fs::{self, DirEntry},
        path::Path,
    };

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
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["etag"], tag);
        assert_eq!(response.headers()["cache-control"], "no-cache");
    }

    /// The paths below `folder`, as they would be served.
    fn on_disk(folder: &Path, prefix: &str) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
        let of_entry = |entry: DirEntry| {
            let path = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            if entry.path().is_dir() { on_disk(&entry.path(), &format!("{path}/")) } else { vec![path] }
        };
        entries.flat_map(of_entry).collect()
    }

    #[test]
    fn every_file_of_the_page_is_embedded() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/server/page");
        let unserved: Vec<_> = on_disk(&folder, "/page/")
            .into_iter()
            .filter(|path| !FILES.iter().any(|file| file.path == path))
            .collect();
        assert_eq!(unserved.len(), 2, "{unserved:?}");
        assert!(unserved.contains(&"/page/index.html".to_owned()), "it is /");
        assert!(unserved.contains(&"/page/vendor/lock.json".to_owned()), "it is for tidy");
    }

    #[test]
    fn every_path_is_there_once() {
        let mut paths: Vec<_> = FILES.iter().map(|file| file.path).collect();
        paths.sort_unstable();
        paths.dedup();
        assert_eq!(paths.len(), FILES.len());
    }
}
