//! A proxy between a client and PostgreSQL, on a socket of its own, that cuts a connection when it sees a commit.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// libpq looks for this in the folder that is named as the host.
const SOCKET: &str = ".s.PGSQL.5432";

/// The message of the protocol that commits: type, length of the rest, text.
const COMMIT: &[u8] = b"Q\x00\x00\x00\x0bCOMMIT\0";

/// Where a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The server never sees the commit.
    Before,
    /// The server has committed, and its answer is lost.
    Answer,
    /// The commit is on its way when the connection goes.
    Between,
}

#[derive(Default)]
struct Orders {
    next: Mutex<Option<Cut>>,
    cuts: AtomicUsize,
}

/// A running proxy. Takes connections until the process ends.
pub struct Proxy {
    dir: PathBuf,
    orders: Arc<Orders>,
}

impl Proxy {
    /// Starts a proxy to the server whose socket is in this folder.
    pub fn start(server: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("crm-proxy-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir(&dir).unwrap();
        let listener = UnixListener::bind(dir.join(SOCKET)).unwrap();
        let orders = Arc::<Orders>::default();
        let (server, given) = (Path::new(server).join(SOCKET), orders.clone());
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), UnixStream::connect(&server).unwrap());
                pass(&client, &server, &given);
            }
        });
        Self { dir, orders }
    }

    /// The address of the server, through this proxy.
    pub fn url(&self) -> String {
        format!("postgresql:///postgres?host={}&user=postgres", self.dir.display())
    }

    /// Cuts the connection that commits next.
    pub fn cut(&self, cut: Cut) {
        *self.orders.next.lock().unwrap() = Some(cut);
    }

    /// How many connections were cut.
    pub fn cuts(&self) -> usize {
        self.orders.cuts.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Passes on what both sides say, each by a thread of its own.
fn pass(client: &UnixStream, server: &UnixStream, orders: &Arc<Orders>) {
    let cut_at_answer = Arc::new(AtomicBool::new(false));
    {
        let (client, server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let (orders, cut_at_answer) = (orders.clone(), cut_at_answer.clone());
        thread::spawn(move || {
            // An error means that one side is gone; so is the other then.
            let _ = requests(&client, &server, &orders, &cut_at_answer);
            hang_up(&client, &server);
        });
    }
    let (client, server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || {
        let _ = answers(&server, &client, &cut_at_answer);
        hang_up(&client, &server);
    });
}

fn hang_up(client: &UnixStream, server: &UnixStream) {
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

/// Passes messages to the server one by one, until the client is gone or is to be.
fn requests(
    mut client: &UnixStream,
    mut server: &UnixStream,
    orders: &Orders,
    cut_at_answer: &AtomicBool,
) -> std::io::Result<()> {
    // The first message has no type.
    let mut type_bytes = 0;
    loop {
        let mut message = vec![0; type_bytes + 4];
        client.read_exact(&mut message)?;
        let length = u32::from_be_bytes(message[type_bytes..].try_into().unwrap()) as usize;
        message.resize(type_bytes + length, 0);
        client.read_exact(&mut message[type_bytes + 4..])?;
        type_bytes = 1;
        let cut = if message == COMMIT { orders.next.lock().unwrap().take() } else { None };
        if cut.is_some() {
            orders.cuts.fetch_add(1, Ordering::SeqCst);
        }
        match cut {
            None => server.write_all(&message)?,
            Some(Cut::Before) => return Ok(()),
            Some(Cut::Between) => {
                // The answer may come before both sides are hung up: it must not get through.
                cut_at_answer.store(true, Ordering::SeqCst);
                return server.write_all(&message);
            }
            Some(Cut::Answer) => {
                cut_at_answer.store(true, Ordering::SeqCst);
                server.write_all(&message)?;
            }
        }
    }
}

/// Passes answers to the client, until the server is gone or its answer is to be lost.
fn answers(mut server: &UnixStream, mut client: &UnixStream, cut_at_answer: &AtomicBool) -> std::io::Result<()> {
    let mut bytes = vec![0; 1 << 16];
    loop {
        let read = server.read(&mut bytes)?;
        if read == 0 || cut_at_answer.load(Ordering::SeqCst) {
            return Ok(());
        }
        client.write_all(&bytes[..read])?;
    }
}
