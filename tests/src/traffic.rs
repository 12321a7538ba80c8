//! Clients that ask all the time, while something happens to the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use crate::client::{Address, ask};
use crate::request::Request;
use crate::wait::until;

/// Clients that ask all the time; none of their requests may fail.
#[derive(Debug)]
pub struct Traffic {
    stop: Arc<AtomicBool>,
    count: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<()>>,
}

impl Traffic {
    /// Two clients that connect for each request, and two that keep their connection.
    pub fn start(address: &Address) -> Self {
        let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let clients = [false, false, true, true].map(|keeps| {
            let (address, stop, count) = (address.clone(), stop.clone(), count.clone());
            thread::spawn(move || {
                let request = Request::post("/read", "four").id(7);
                let mut kept = keeps.then(|| address.connect().unwrap());
                while !stop.load(Ordering::Relaxed) {
                    let answer = match &mut kept {
                        Some(client) => client.ask(&request.clone().kept()),
                        None => ask(&address, &request),
                    };
                    assert!(answer.is_whole() && answer.text() == "4 of 4", "{answer:?}");
                    count.fetch_add(1, Ordering::Relaxed);
                }
            })
        });
        Self { stop, count, clients: clients.into() }
    }

    /// Waits until every client has had time to notice a change.
    pub fn wait(&self) {
        let now = self.count.load(Ordering::Relaxed);
        until("there is traffic", || self.count.load(Ordering::Relaxed) > now + 20);
    }

    /// Lets them end; gives how many requests were answered.
    pub fn stop(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.join().unwrap();
        }
        self.count.load(Ordering::Relaxed)
    }
}
