//! Several sites in one configuration file: each by itself, all of them looked after.

use std::fs;

use fcgi_tests::{Address, Request, Sandbox, ask, in_background, processes, try_ask, until, until_some};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// An application that says who it is; `text` is what it answers.
fn write_app(sandbox: &Sandbox, name: &str, text: &str) {
    let code = format!(
        "import os, signal, sys\n\
         def application(environ, start_response):\n\
         \x20   start_response('200 OK', [('Content-Type', 'text/plain')])\n\
         \x20   print('asked {name}')\n\
         \x20   blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())\n\
         \x20   return [('{text} %d %d %d' % (os.getppid(), len(blocked), 'other' in sys.modules)).encode()]\n"
    );
    sandbox.write(&format!("{name}.py"), &code);
    let _ = fs::remove_dir_all(sandbox.path("__pycache__"));
}

fn site(name: &str, more: &str) -> String {
    format!("[site.{name}]\napp = \"{name}:application\"\nsocket = \"{name}.sock\"\n{more}\n")
}

const COMMON: &str = "maxspare = 1\nerrlog = 'all.log'\n";

fn write_file(sandbox: &Sandbox, sites: &[String]) {
    sandbox.write("sites.toml", &format!("{COMMON}{}", sites.concat()));
}

/// The first word that the application of a site answers, and the pid of its master.
fn answer(address: &Address) -> Option<(String, i32)> {
    let text = try_ask(address, &Request::get("/")).ok()?.text();
    let mut words = text.split(' ');
    Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
}

fn wait_for(sandbox: &Sandbox, name: &str, text: &str) -> i32 {
    let address = sandbox.unix(&format!("{name}.sock"));
    until_some(&format!("{name} answers {text}"), || Some(answer(&address)?).filter(|(word, _)| word == text))
        .1
}

fn signal(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).unwrap();
}

#[test]
fn sites_are_served_side_by_side_and_share_nothing() {
    let sandbox = Sandbox::empty();
    write_app(&sandbox, "blog", "blog");
    write_app(&sandbox, "shop", "shop");
    sandbox.write("shop.py", &format!("import other\n{}", sandbox.read("shop.py")));
    sandbox.write("other.py", "");
    write_file(
        &sandbox,
        &[site("blog", "outlog = 'blog.out'"), site("shop", "outlog = 'shop.out'\nmethod = 'threaded'")],
    );
    let launcher = sandbox.run(&["config=sites.toml", "pidfile=x.pid"]);
    assert_eq!(launcher.status, Some(0), "{launcher:?}");
    let blog = ask(&sandbox.unix("blog.sock"), &Request::get("/")).text();
    let shop = ask(&sandbox.unix("shop.sock"), &Request::get("/")).text();
    assert!(blog.starts_with("blog ") && blog.ends_with(" 0 0"), "no signal is blocked: {blog}");
    assert!(shop.starts_with("shop ") && shop.ends_with(" 0 1"), "{shop}");
    until("each has its own log", || {
        sandbox.read("blog.out") == "asked blog\n" && sandbox.read("shop.out") == "asked shop\n"
    });
    signal(sandbox.pid(), Signal::SIGTERM);
    sandbox.wait_for_nobody();
    for file in ["x.pid", "blog.sock", "shop.sock"] {
        assert!(!sandbox.has(file), "{file}");
    }
}

#[test]
fn a_site_that_cannot_start_keeps_no_other_from_it() {
    let sandbox = Sandbox::empty();
    write_app(&sandbox, "blog", "blog");
    sandbox.write("shop.py", "import missing_module_of_the_shop\n");
    write_file(&sandbox, &[site("blog", ""), site("shop", "")]);
    let launcher = sandbox.run(&["config=sites.toml", "pidfile=x.pid"]);
    assert_eq!(launcher.status, Some(3), "{launcher:?}");
    assert!(launcher.err.contains("site `shop` cannot be served: error[FR"), "{}", launcher.err);
    assert!(launcher.err.contains("missing_module_of_the_shop"), "{}", launcher.err);
    assert!(launcher.err.contains("1 of 2 sites serve"), "{}", launcher.err);
    let master = wait_for(&sandbox, "blog", "blog");
    write_app(&sandbox, "shop", "mended");
    signal(sandbox.pid(), Signal::SIGHUP);
    wait_for(&sandbox, "shop", "mended");
    assert_eq!(wait_for(&sandbox, "blog", "blog"), master, "the other one only reloads");
    signal(sandbox.pid(), Signal::SIGTERM);
    sandbox.wait_for_nobody();
}

#[test]
fn a_house_in_which_nothing_serves_does_not_stay() {
    let sandbox = Sandbox::empty();
    sandbox.write("blog.py", "1 / 0\n");
    sandbox.write("shop.py", "1 / 0\n");
    write_file(&sandbox, &[site("blog", ""), site("shop", "")]);
    for words in [&["config=sites.toml", "pidfile=x.pid"][..], &["config=sites.toml", "daemonize=false"]] {
        let end = sandbox.run(words);
        assert_eq!(end.status, Some(3), "{end:?}");
        let said = format!("{}{}", end.err, sandbox.read("all.log"));
        assert!(said.matches("ZeroDivisionError").count() >= 2, "{said}");
        sandbox.wait_for_nobody();
        assert!(!sandbox.has("x.pid") && !sandbox.has("blog.sock"));
    }
}

#[test]
fn a_wrong_file_starts_nothing() {
    let sandbox = Sandbox::empty();
    write_app(&sandbox, "blog", "blog");
    for (text, code) in [
        (site("blog", "") + &site("blog2", "").replace("blog2.sock", "blog.sock"), "FR584"),
        (format!("socket = 'x'\n{}", site("blog", "")), "FR582"),
        ("[site.blog]\napp = 'blog:application'\n".to_owned(), "FR583"),
        (site("blog", "sokcet = 'x'"), "FR001"),
    ] {
        sandbox.write("sites.toml", &text);
        let end = sandbox.run(&["config=sites.toml"]);
        assert_eq!(end.status, Some(2), "{text} {end:?}");
        assert!(
            end.err.starts_with(&format!("error[{code}]: ")) && end.err.contains("hint: "),
            "{}",
            end.err
        );
        assert!(!sandbox.has("blog.sock"));
    }
    write_file(&sandbox, &[site("blog", "")]);
    let end = sandbox.run(&["config=sites.toml", "site=blgo"]);
    assert_eq!(end.status, Some(2));
    assert!(end.err.contains("error[FR581]") && end.err.contains("did you mean `site=blog`"), "{}", end.err);
}

#[test]
fn one_site_can_be_served_alone() {
    let sandbox = Sandbox::empty();
    write_app(&sandbox, "blog", "blog");
    write_app(&sandbox, "shop", "shop");
    sandbox.write(
        "sites.toml",
        &format!("maxspare = 1\npidfile = 'all.pid'\n{}{}", site("blog", ""), site("shop", "")),
    );
    let words = ["config=sites.toml", "site=shop", "daemonize=false"];
    let server = sandbox.serve_at(&mut sandbox.command(&words), sandbox.unix("shop.sock"));
    assert!(server.get("/").text().starts_with("shop "));
    assert!(!sandbox.has("all.pid") && !sandbox.has("blog.sock"), "these are the business of all");
    server.stop();
}

#[test]
fn a_reload_brings_what_the_file_says() {
    let sandbox = Sandbox::empty();
    for name in ["same", "gone", "other", "new"] {
        write_app(&sandbox, name, name);
    }
    write_file(&sandbox, &[site("same", ""), site("gone", ""), site("other", "")]);
    let launcher = sandbox.run(&["config=sites.toml", "pidfile=x.pid"]);
    assert_eq!(launcher.status, Some(0), "{launcher:?}");
    let [same, other] = ["same", "other"].map(|name| wait_for(&sandbox, name, name));

    sandbox.write("sites.toml", "[site.same]\nsokcet = 'x'\n");
    signal(sandbox.pid(), Signal::SIGHUP);
    until("the fault is told", || {
        sandbox.read("all.log").contains("FR586") && sandbox.read("all.log").contains("sokcet")
    });
    assert_eq!(wait_for(&sandbox, "same", "same"), same);

    write_app(&sandbox, "same", "reloaded");
    write_file(&sandbox, &[site("same", ""), site("other", "debug = true"), site("new", "")]);
    signal(sandbox.pid(), Signal::SIGHUP);
    wait_for(&sandbox, "new", "new");
    assert_eq!(wait_for(&sandbox, "same", "reloaded"), same, "its master stays");
    until("the changed one is served by another master", || {
        answer(&sandbox.unix("other.sock")).is_some_and(|(word, master)| word == "other" && master != other)
    });
    until("the one that is gone has left", || !sandbox.has("gone.sock"));
    signal(sandbox.pid(), Signal::SIGTERM);
    sandbox.wait_for_nobody();
}

#[test]
fn a_master_that_dies_is_replaced_and_nobody_else_notices() {
    let sandbox = Sandbox::empty();
    write_app(&sandbox, "blog", "blog");
    write_app(&sandbox, "shop", "shop");
    write_file(&sandbox, &[site("blog", ""), site("shop", "")]);
    let launcher = sandbox.run(&["config=sites.toml", "pidfile=x.pid"]);
    assert_eq!(launcher.status, Some(0), "{launcher:?}");
    let [blog, shop] = ["blog", "shop"].map(|name| wait_for(&sandbox, name, name));
    signal(blog, Signal::SIGKILL);
    // Its last worker, which the house has adopted, may still answer for a moment.
    let house = sandbox.pid();
    until("another master serves", || {
        answer(&sandbox.unix("blog.sock")).is_some_and(|(_, master)| master != blog && master != house)
    });
    assert_eq!(wait_for(&sandbox, "shop", "shop"), shop);
    assert!(sandbox.read("all.log").contains("FR585"), "{}", sandbox.read("all.log"));
    // Logs are opened anew by all of them.
    fs::rename(sandbox.path("all.log"), sandbox.path("old.log")).unwrap();
    signal(sandbox.pid(), Signal::SIGUSR1);
    until("there is a new log", || sandbox.has("all.log"));
    signal(sandbox.pid(), Signal::SIGTERM);
    sandbox.wait_for_nobody();
    assert!(sandbox.read("all.log").contains("stopping all sites"), "{}", sandbox.read("all.log"));
}

#[test]
fn all_sites_are_checked_without_serving() {
    let sandbox = Sandbox::empty();
    write_app(&sandbox, "blog", "blog");
    sandbox.write("shop.py", "import missing_module_of_the_shop\n");
    write_file(&sandbox, &[site("blog", ""), site("shop", "")]);
    let check = sandbox.run(&["check", "config=sites.toml"]);
    assert_eq!(check.status, Some(3), "{check:?}");
    let (blog, shop) = check.out.split_once("\nsite shop\n").unwrap();
    assert!(blog.starts_with("site blog\n") && !blog.contains("missing_module"), "{blog}");
    assert!(shop.contains("missing_module_of_the_shop"), "{shop}");
    let json = sandbox.run(&["check", "config=sites.toml", "--json"]).out;
    assert!(json.starts_with("{\"blog\": {") && json.contains("\n\"shop\": {"), "{json}");
    assert!(!sandbox.has("blog.sock") && sandbox.processes().is_empty());
}

/// An application whose requests for `/hold` wait until there is a file.
fn write_holding_app(sandbox: &Sandbox, name: &str) {
    write_app(sandbox, name, name);
    let hold = "import time\n\
                inner = application\n\
                def application(environ, start_response):\n\
                \x20   if environ['REQUEST_URI'] == '/hold':\n\
                \x20       open('held', 'w').close()\n\
                \x20       while not os.path.exists('released'): time.sleep(.01)\n\
                \x20   return inner(environ, start_response)\n";
    sandbox.write(&format!("{name}.py"), &format!("{}{hold}", sandbox.read(&format!("{name}.py"))));
}

#[test]
fn a_house_that_stops_starts_nothing_and_cuts_nothing_off() {
    let sandbox = Sandbox::empty();
    write_holding_app(&sandbox, "blog");
    write_app(&sandbox, "shop", "shop");
    write_file(&sandbox, &[site("blog", "workdir = '.'")]);
    let launcher = sandbox.run(&["config=sites.toml", "pidfile=x.pid"]);
    assert_eq!(launcher.status, Some(0), "{launcher:?}");
    let house = sandbox.pid();
    let held = in_background(&sandbox.unix("blog.sock"), Request::get("/hold"));
    until("a request runs", || sandbox.has("held"));
    signal(house, Signal::SIGTERM);
    until("the house stops", || !sandbox.has("blog.sock"));
    write_file(&sandbox, &[site("blog", "workdir = '.'\nmaxrequests = 9"), site("shop", "")]);
    signal(house, Signal::SIGHUP);
    until("the house has heard it", || sandbox.read("all.log").contains("all sites are stopping"));
    sandbox.write("released", "");
    let answer = held.join().unwrap();
    assert!(answer.is_whole() && answer.text().starts_with("blog "), "{answer:?}");
    sandbox.wait_for_nobody();
    assert!(!sandbox.has("shop.sock"));
}

#[test]
fn a_site_whose_new_master_dies_beside_the_old_one_is_started_again() {
    let sandbox = Sandbox::empty();
    write_holding_app(&sandbox, "blog");
    write_file(&sandbox, &[site("blog", "workdir = '.'")]);
    let launcher = sandbox.run(&["config=sites.toml", "pidfile=x.pid"]);
    assert_eq!(launcher.status, Some(0), "{launcher:?}");
    let (house, address) = (sandbox.pid(), sandbox.unix("blog.sock"));
    let old = wait_for(&sandbox, "blog", "blog");
    let held = in_background(&address, Request::get("/hold"));
    until("a request runs", || sandbox.has("held"));
    signal(old, Signal::SIGUSR2);
    let other_than = |known: &[i32]| answer(&address).map(|(_, pid)| pid).filter(|pid| !known.contains(pid));
    let new = until_some("the new master serves", || other_than(&[old, house]));
    signal(new, Signal::SIGKILL);
    until("it is gone", || processes::look(new).is_none());
    sandbox.write("released", "");
    assert!(held.join().unwrap().is_whole());
    until_some("the site is served again", || other_than(&[old, new, house]));
    signal(house, Signal::SIGTERM);
    sandbox.wait_for_nobody();
}
