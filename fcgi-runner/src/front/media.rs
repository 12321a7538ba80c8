//! The `Content-Type` of files, by the ends of their names.

use std::path::Path;

/// The type of a file; what is not known is just bytes.
pub(super) fn content_type(path: &Path) -> &'static str {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let extension = extension.to_ascii_lowercase();
    let found = TYPES.binary_search_by_key(&extension.as_str(), |(known, _)| known);
    found.map_or("application/octet-stream", |index| TYPES[index].1)
}

const TYPES: [(&str, &str); 41] = [
    ("avif", "image/avif"),
    ("bmp", "image/bmp"),
    ("css", "text/css; charset=utf-8"),
    ("csv", "text/csv; charset=utf-8"),
    ("eot", "application/vnd.ms-fontobject"),
    ("flac", "audio/flac"),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("htm", "text/html; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("ico", "image/x-icon"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("m4a", "audio/mp4"),
    ("map", "application/json"),
    ("md", "text/markdown; charset=utf-8"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("ogg", "audio/ogg"),
    ("ogv", "video/ogg"),
    ("otf", "font/otf"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("svg", "image/svg+xml; charset=utf-8"),
    ("tar", "application/x-tar"),
    ("ttf", "font/ttf"),
    ("txt", "text/plain; charset=utf-8"),
    ("vtt", "text/vtt; charset=utf-8"),
    ("wasm", "application/wasm"),
    ("wav", "audio/wav"),
    ("webm", "video/webm"),
    ("webmanifest", "application/manifest+json"),
    ("webp", "image/webp"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("xhtml", "application/xhtml+xml; charset=utf-8"),
    ("xml", "text/xml; charset=utf-8"),
    ("zip", "application/zip"),
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{TYPES, content_type};

    #[test]
    fn types_follow_from_names() {
        assert_eq!(content_type(Path::new("a/b.css")), "text/css; charset=utf-8");
        assert_eq!(content_type(Path::new("PHOTO.JPG")), "image/jpeg");
        assert_eq!(content_type(Path::new("app.min.js")), "text/javascript; charset=utf-8");
        for unknown in ["README", ".css", "x.", "x.unknown"] {
            assert_eq!(content_type(Path::new(unknown)), "application/octet-stream", "{unknown}");
        }
    }

    #[test]
    fn every_row_is_found() {
        for (extension, expected) in TYPES {
            assert_eq!(content_type(Path::new(&format!("x.{extension}"))), expected);
        }
    }
}
