//! Lets the binary find the libpython that it was linked with, and the interpreter that belongs to it.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    pyo3_build_config::add_libpython_rpath_link_args();
    if let Some(executable) = pyo3_build_config::get().executable() {
        println!("cargo:rustc-env=FCGI_RUN_BUILD_PYTHON={executable}");
    }
}
