//! The dashboard: files in the binary, so that it is there whatever the machine can reach.
//! Never: reads a file of the machine, or looks into a path: each file has a route of its own, and there are no others.
//! Bound: all of it has at most [`MOST_BYTES`], which a test holds.

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse as _;
use axum::routing::get;

use super::desk::Desk;

/// All files together, bytes: a page of which nobody notices that it loads.
#[cfg(test)]
const MOST_BYTES: usize = 200 * 1024;

/// Where it is, what it is, and its bytes.
type File = (&'static str, &'static str, &'static [u8]);

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const PICTURE: &str = "image/svg+xml";
const TEXT: &str = "text/plain; charset=utf-8";

/// All of them.
const FILES: &[File] = &[
    ("/", HTML, include_bytes!("../../page/index.html")),
    ("/page/page.css", CSS, include_bytes!("../../page/page.css")),
    ("/page/app.js", SCRIPT, include_bytes!("../../page/app.js")),
    ("/page/api.js", SCRIPT, include_bytes!("../../page/api.js")),
    (
        "/page/charts.js",
        SCRIPT,
        include_bytes!("../../page/charts.js"),
    ),
    (
        "/page/dialogs.js",
        SCRIPT,
        include_bytes!("../../page/dialogs.js"),
    ),
    ("/page/dom.js", SCRIPT, include_bytes!("../../page/dom.js")),
    (
        "/page/format.js",
        SCRIPT,
        include_bytes!("../../page/format.js"),
    ),
    (
        "/page/panels.js",
        SCRIPT,
        include_bytes!("../../page/panels.js"),
    ),
    (
        "/page/shards.js",
        SCRIPT,
        include_bytes!("../../page/shards.js"),
    ),
    (
        "/page/icon.svg",
        PICTURE,
        include_bytes!("../../page/icon.svg"),
    ),
    (
        "/page/uPlot.iife.min.js",
        SCRIPT,
        include_bytes!("../../page/vendor/uPlot.iife.min.js"),
    ),
    (
        "/page/uPlot.min.css",
        CSS,
        include_bytes!("../../page/vendor/uPlot.min.css"),
    ),
    (
        "/page/uPlot.LICENSE",
        TEXT,
        include_bytes!("../../page/vendor/uPlot.LICENSE"),
    ),
];

/// A route for each.
pub(super) fn routes() -> Router<Desk> {
    let add = |router: Router<Desk>, (path, kind, bytes): &File| {
        let (kind, bytes) = (*kind, *bytes);
        let file = move || async move { ([(header::CONTENT_TYPE, kind)], bytes).into_response() };
        router.route(path, get(file))
    };
    FILES.iter().fold(Router::new(), add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_page_is_small() {
        let bytes: usize = FILES.iter().map(|(_, _, bytes)| bytes.len()).sum();
        assert!(bytes <= MOST_BYTES, "{bytes}");
    }

    #[test]
    fn every_file_has_a_route_and_what_is_asked_for_is_there() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("page");
        let mut count = 0;
        for folder in [folder.clone(), folder.join("vendor")] {
            let files = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
            count += files.filter(|file| file.path().is_file()).count();
        }
        assert_eq!(count, FILES.len());
        for (path, _, bytes) in FILES.iter().filter(|(_, kind, _)| *kind != TEXT) {
            let text = std::str::from_utf8(bytes).unwrap();
            for part in text.split('"').skip(1).step_by(2) {
                let named = match part.strip_prefix("./") {
                    Some(module) if module.ends_with(".js") => format!("page/{module}"),
                    _ if part.starts_with("page/") => part.to_owned(),
                    _ => continue,
                };
                let is_there = FILES.iter().any(|(path, ..)| path[1..] == named);
                assert!(is_there, "{path}: {part}");
            }
        }
    }

    #[test]
    fn nothing_of_it_is_made_of_markup_from_elsewhere_or_lies_elsewhere() {
        let own = FILES.iter().filter(|(path, ..)| !path.contains("uPlot"));
        for (path, _, bytes) in own {
            let text = std::str::from_utf8(bytes).unwrap();
            for wrong in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "style=\"",
                "onclick=\"",
                "https://",
            ] {
                assert!(!text.contains(wrong), "{path}: {wrong}");
            }
            let named = text.matches("http://").count();
            let of_drawings = text.matches("http://www.w3.org/2000/svg").count();
            assert_eq!(named, of_drawings, "{path}");
        }
    }
}
