//! The server: SECoP over TCP and over a Unix socket, for clients that exist and for our own.
//!
//! A *face* takes connections of one kind; behind it, every client is one [`Session`](session::Session), which knows no
//! socket. The lines that a session takes and gives are parsed and put together by pure functions. Requests start in the
//! order of their lines; replies and updates leave through one queue per connection, so that what led to a reply is told
//! before it (W2). No client can make the host wait: lines, requests, queues and connections are bounded
//! ([`ClientLimits`]), a client that does not read or never ends its line is cut off, and one that sends a flood has its
//! turn again after all others (W6).
//!
//! It speaks SECoP 1.1 and calls itself 1.0, which is what existing clients take without a word. A device is a module; its
//! main parameter is `value`, and `target` if it can be written. Requests take every name with and without its
//! underscore, and the main parameter's own; a number may be a text with a unit, `"2000 um"`; an enum is sent as a number
//! and taken as number or name.
//!
//! # Who is let in
//!
//! A loopback address and the Unix socket, which only its own user may open, are this machine's. An address that other
//! machines can reach demands a *token*: a server without one does not bind such an address, and on one with it a
//! connection gets an answer to `*IDN?` and `_authenticate`, and to all else
//! `error_… ["Impossible","this host wants a token …",{"authenticate":true}]`, until it has shown the token. A wrong one is
//! answered after a second, and ends the connection; so does silence (`[host] line_within`). What strangers do is in the
//! log, once in ten seconds for each of them. It is decided by the address at which the host listens, not by where a
//! client seems to come from: a proxy on this machine makes nobody a local user.
//!
//! Programs that know SECoP but no token are let in by a tunnel to the Unix socket, which also hides the token and all
//! else from the network, since nothing here is encrypted: `ssh -L 10767:/run/lab.sock beamline`.
//!
//! # What is ours
//!
//! SECoP leaves names that begin with an underscore to each node. A request of ours carries a TOKEN that the client
//! chooses; it comes back in the reply, or in `error__wait TOKEN […]`.
//!
//! Every connection founds a session, which is the owner of all that it does. Over a Unix socket the kernel says who that
//! is; over TCP a client may say so itself, which is shown as a claim and gives no right. A session has a secret token, by
//! which other connections join it and act as the same owner. It ends with the connection that founded it.
//!
//! | request | reply | errors |
//! | --- | --- | --- |
//! | `_introduce TOKEN {"user","host","program","pid","tokens":false}`, all as one likes | `_introduced TOKEN {"owner":{"id","name","user","host","program","pid","address","claimed","since"},"token":"…"}`. What the kernel knows, no claim changes; a second introduction changes nothing. With `"tokens":true` a client says that it tells replies by their tokens: what comes by itself need not wait for what it is owed | `ProtocolError`, `BadJSON` |
//! | `_authenticate TOKEN {"token":"…"}` | `_authenticated TOKEN {}`: the connection is let in. TOKEN is the client's word as ever, the secret is in the data. Where nobody is asked for it, it is not looked at | `Impossible` with `{"authenticate":true}`, one second later; then the connection is closed |
//! | `_join TOKEN {"token":"…"}` | `_joined TOKEN {"owner":{…}}`. What this connection had of its own ends | `ProtocolError`, `BadJSON`; `Impossible` if no session has that token, or no longer |
//! | `_lock TOKEN {"targets":["stage","pump:flow"],"wait":5.0,"note":"…","lease":60,"keepalive":5,"queue":false}`; all but `targets` as one likes | `_locked TOKEN {"targets","owner":{…},"since","note","lease","keepalive"}`: all of it is locked, or nothing. TOKEN names the grant on this connection, and said again adds to it. `wait` is in seconds, 0 if not given, and 8 at most. With `"queue":true` it is as long as one likes, and without `wait` for ever: the reply is `_queued TOKEN {"text","waiting_for":{"target","owner","since","note",…}}`, and `_locked TOKEN …` or `error__lock TOKEN …` comes later by itself. `lease` ends the lock after so many seconds, `keepalive` when no line has come from any connection of the session for so many | `ProtocolError`, `BadJSON`, `NoSuchModule`, `NoSuchParameter`; `IsBusy` with `{"locked_by":{"target","owner":{"id","name"},"since","note","running","how"}}`, where `how` is `lock`, `waits` or `runs`; `Impossible` with `{"cycle":[{"waiter","target","holder"}]}` if the wait would never end |
//! | `_unlock TOKEN {}` | `_unlocked TOKEN {"targets":[…],"withdrawn":false}`: ends the grants of TOKEN, or withdraws the request. With `"targets"` it gives back these, of whichever grants of this connection | `Impossible` if there is neither, or for a part of what is locked as a whole |
//! | `_who TOKEN` | `_holders TOKEN [{"kind","targets","covers","owner":{…},"since","note","lease","running":["write of stage.position", …],"waiting":[{"owner","targets","since","note"}]}]`. `kind` is `lock`, `running` (a call without a lock), `protected` or `permanent` | none |
//! | `_break TOKEN {"target":"stage","holder":17}` | `_broken TOKEN {"targets":[…],"holder":{…}}`, if the owner of that `id` has it still | `IsBusy` if somebody else has it, `Impossible` if nobody has |
//! | `_protect TOKEN {"targets":[…],"note":"…","permanent":false}` | `_protected TOKEN {"targets","permanent"}`: nobody writes these any more, until they are unprotected | `IsBusy` if somebody else has locked any of it; `ReadOnly` |
//! | `_unprotect TOKEN {"targets":[…]}` | `_unprotected TOKEN {"targets"}` | `ReadOnly` for what is permanent, `Impossible` for what is not protected |
//! | `_wait TOKEN {"call":7}` | `_resolved TOKEN {"call":7,"outcome":…,"reading":[value,{…}],"error":[class,text,{…}],"elapsed":s}` when the call resolves, without a limit. `outcome` is `done`, `failed`, `refused`, `timeout`, `stopped`, `cancelled` or `superseded`; `reading` and `error` may be `null` | `ProtocolError`, `BadJSON`; `Impossible` if this connection has not begun that call, or 256 others since |
//! | `_cancel TOKEN {"call":7}` | `_cancelled TOKEN {"call":7,"how","text"}`; what the call moves is stopped. `how` is `ended`, `stopping`, `over` if it had ended before, or `cannot be interrupted`: then `text` says what its driver is inside of | as `_wait` |
//! | `_timeout TOKEN {"seconds":2.5}` | `_timeout_is TOKEN {"seconds":2.5}`: each later `read`, `change` and `do` of this connection may take so long from its acceptance on, whatever config and driver say; a motion that takes longer is stopped. `null` takes it back | `ProtocolError`, `BadJSON`, `WrongType` |
//! | `_stop TOKEN {"device":"slit"}` | `_stopped TOKEN {"devices":[…]}` as for `_stop_all`: the device and all that it reaches are stopped, each by itself. A driver in a process of its own that does not answer is `killed` | `ProtocolError`, `BadJSON`, `NoSuchModule` |
//! | `_wait_for TOKEN {"path":"oven.temperature","value":80,"is":"=","within":0.5,"for":30,"timeout":600,"fail_on_error":false,"progress":false}`; only `path` and `value` have to be there. `value` and `within` may have units, `for` and `timeout` are seconds or texts with a unit, `is` is one of `=`, `!=`, `>=`, `<=`, `>`, `<`; `stage.status` is `idle`, `busy` and so on | `_reached TOKEN {"path","reading":[value,{…}],"held":s,"elapsed":s}` when it is so, and was for so long. With `progress`, before it and at most twice a second, `_waiting TOKEN {"call":7,"reading":[value,{…}],"error":[class,text,{…}],"distance":…,"held":s}`; `_cancel` takes that number. Ends with the connection | `ProtocolError`, `BadJSON`, `WrongType`, `NoSuchModule`, `NoSuchParameter`; `TimeoutError` after `timeout`; with `fail_on_error`, the error of a reading |
//! | `_stop_all TOKEN {}` | `_stopped TOKEN {"devices":[{"device","outcome","error","elapsed"}]}`, at most 2.5 s later. `outcome` is `stopped`, `nothing to stop`, `cannot be stopped`, `not connected`, `no answer` or `failed` | none |
//! | `_set_zero TOKEN {"path":"stage.position","value":"0 mm"}` | `_zero TOKEN {"path","reading":[value,{…}],"zero"}`: the place where it is is called `value` from now on, 0 if that is left out; `zero` is where the user's zero lies on the hardware's scale | as `change`; `IsBusy` while it moves |
//! | `_reopen TOKEN {"device":"stage","abandon":false}` | `_reopened TOKEN {"device","left_behind":{"worker","since","inside"},"killed":false}` when it is open again. With `abandon`, a driver that does not come back is left behind for ever, with all devices of its controller, or killed, if it runs in a process of its own; `left_behind` is `null` if there was no need | `NoSuchModule`, `CommunicationFailed`, `TimeoutError`, `Impossible` if 16 have been left behind already |
//! | `_status TOKEN {}` | `_status_is TOKEN {"lab","version","pid","since","config","listen","execution","state","devices":{"total","up"},"opening":[device, …],"down":[{"device","since","cause"}],"stuck":[{"worker","since","inside"}],"left_behind":[{"worker","since","inside"}],"connections","locks","drivers","calls":{"done","failed","pending","came_back"},"audit":{"file","lost","error"}}`; `audit` only if there is an audit log | none |
//! | `_device TOKEN {"device":"stage"}` | `_device_is TOKEN {"device","now","origin","driver":{"name","version","file","hash"},"type","controller","generation","status":{"code","text","since"},"connection":{"state","since","cause"},"counters":{"calls","errors","timeouts","reconnects"},"on_exit","parameters":[{"name","limits":[{"lower","upper","whose"}]}],"messages":[{"name","doc","payload"}]}`: what is not in the description. `generation` counts how often it was opened; `limits` are all that somebody has set, `whose` being `driver`, a place in the config or a user; `state` is `up`, `down` or `opening` | `ProtocolError`, `BadJSON`, `NoSuchModule` |
//! | `_subscribe TOKEN {"sender":"stage","message":"*","policy":"drop_oldest","since":300}`; all as one likes, `*` if not given. A sender is a device with its parameters, a parameter, `host`, `client:ana`, or any of these with `*` in it; who sends what is in [one table](crate::dispatcher) | `_subscribed TOKEN {"id":3}`. What is so now comes first, with `since` after the readings `changed` of so many seconds, and then each message: `_message stage:limit_hit [payload, {"t","n","lost","id"}]`. `n` counts what the sender sends by this name; `lost` is how many were sent since the last one that came, and will not come. `latest` keeps only the newest of each sender and name while the client does not read. A subscription of its own for each request: where two overlap, a message comes twice, with the `id` of each | `ProtocolError` (also for the policy `lossless`, which there is in process only), `BadJSON`, `NoSuchModule`, `NoSuchParameter`, also for a message that a device does not send; a device that is yet to come is named by a pattern, such as `stag*`. `IsBusy` if as much is followed as the config allows, `subscriptions` in `[host]`, 1000 if it does not say |
//! | `_send TOKEN {"message":"go","payload":{…}}`; the payload is any JSON | `_sent TOKEN {"sender":"client:ana","message","n"}`: sent to whoever has subscribed, as `client:<name>`, the name being that of the user as introduced or known, else `somebody` | `ProtocolError`, `BadJSON`; `WrongType` if it is no name; `Impossible` with a `"sender"` that is another's: nobody speaks as a device, as the host or for somebody else |
//! | `_history TOKEN {"path":"stage.position","since":300}`; without `since`, all that is kept | `_history_is TOKEN {"path","readings":[[value,{"t"}], …]}`: the last readings, oldest first, as many as the config's `history` keeps; a failed one is `[null,{"t","error":[class,text,{…}]}]` | `ProtocolError`, `BadJSON`, `NoSuchModule`, `NoSuchParameter` |
//! | `_log TOKEN {"devices":["stage"],"level":"info","wire":false,"since":60,"limit":1000,"follow":false}`; all as one likes. `level` is `error`, `warn`, `info` or `debug`; with `wire`, what goes over the lines of instruments as well | `_log_is TOKEN {"lines":[{"t","level","device","text"}, …],"more","level","id"}`: the last lines of the host's log that are kept in memory, oldest first, from `since` seconds ago on; `more` says that there are older ones, `level` what is always kept. With `follow`, `_logged TOKEN {"t","level","device","text"}` for each line from then on, `{"lost":n}` where some are missing, until `_unsubscribe` with `id`. `debug` and what goes over lines is only logged while somebody follows it | `ProtocolError`, `BadJSON`, `NoSuchModule`; `Impossible` if there is no log; `IsBusy` if as much is followed as the config allows, `subscriptions` in `[host]`, 1000 if it does not say |
//! | `_audit TOKEN {"paths":["stage"],"owner":"ana","events":["write"],"outcomes":["refused"],"since":3600,"limit":1000,"follow":false}`; all as one likes. A device in `paths` stands for its parameters, and a parameter for what is done to all of its device; `owner` is a part of the name, or the number | `_audit_is TOKEN {"file","entries":[…],"more","id"}`: the last entries of the [audit log](crate::audit), oldest first; `more` says that there may be older ones. With `follow`, `_audited TOKEN {…}` for each entry from then on, none missing in between | `ProtocolError`, `BadJSON`; `Impossible` if there is no audit log; `ReadFailed`; `IsBusy` if as much is followed as the config allows, `subscriptions` in `[host]`, 1000 if it does not say, or many read it at the moment |
//! | `_unsubscribe TOKEN {"id":3}` | `_unsubscribed TOKEN {"id":3}`: ends what is followed | `ProtocolError`, `BadJSON`; `Impossible` if nothing is by that id |
//! | `_drivers TOKEN {}` | `_drivers_are TOKEN {"drivers":[row, …]}`, a row as [`plugin::Row`](crate::plugin::Row) has it | none |
//!
//! `change stage:target_limits [0, "1 cm"]` narrows the limits that count, until they are changed again or taken back with
//! `null`, which also stands for either bound; they never become wider than those of driver and config. Every number that
//! can be written has such limits, under its own name with `_limits`; those that nobody has set before are not described.
//!
//! `logging stage "info"`, of SECoP itself, has what is logged about a module sent as `log stage:info "…"`; without a module,
//! what is logged about all of them, and about the host as `log .:info "…"`. The levels are SECoP's, and frappy's beyond
//! that: `error`, `warning`, `info`, `comlog` (and what goes over the module's line), `debug` (all of it), `off`. A level is
//! of the module, also where a parameter is named.
//!
//! What is followed waits while a request of ours is owed its reply, which a client could take it for that has not
//! introduced itself with `"tokens":true`. And it waits while much is yet to be sent: of messages up to 10 000 and 8 MiB,
//! for all subscriptions of a connection together. Whoever reads slowly loses messages of the sender and name of which most
//! is waiting, and lines of the logs; is told how many; and is not cut for it. Updates after `activate` wait for nothing:
//! they come between the replies in the order in which things happened (W2), and of each parameter only the latest is
//! kept for a client that does not read.
//!
//! Two lines come by themselves, but never while a request of ours is owed its reply, which a client could take them for:
//! `_locked TOKEN` (or `error__lock TOKEN`) of a lock that was queued, and `_lost TOKEN
//! {"targets","how":"broken","by":{…},"time","text"}` of one that has ended before it was given back. `how` is `broken`,
//! `expired` (its lease), `silent` (its keepalive) or `ended` (its session). A write to what somebody broke is refused as
//! `IsBusy` with `{"broken_by":{"target","owner","time"}}` until the lock is given back or taken anew; one to what is
//! protected as `ReadOnly` with `{"protected_by":{"target","owner","since","note","permanent"}}`.
//!
//! | in | key | meaning |
//! | --- | --- | --- |
//! | `update`, `reply`, `changed` | `q` | quality, if it is not good: `stale`, `not verified`, `simulated` |
//! | `changed`, `done` | `_call` | number of the call, for `_wait` and `_cancel`; left out where a large result was sent whole |
//! | `error_change`, `error_do` | `_call` | in the detail of a `TimeoutError`: the call goes on, and can be waited for |
//! | module | `_driver`, `_driver_version`, `_type`, `_controller` | where it comes from |
//! | module | `_main` | the driver's name of `value` and `target` |
//! | module | `_members` | the devices that it uses |
//! | module | parameter `_locked_by` | who has locked it, or parts of it; empty if nobody has |
//! | accessible | `_name` | the driver's name |
//! | parameter | `_tolerance`, `_digits`, `_poll`, `_timeout` | in its unit, and in seconds |
//! | parameter | `_ramp` | `{"step","rate","settle"}` if the host takes a write there in steps: in its unit, that per second, and seconds |
//! | limits | `_origin` | who has set them, also in `update`, `reply` and `changed`: `driver`, a place in the config, `user ana`; a pair of these where the bounds differ |
//! | limits, in `changed` | `_warnings` | what may be unexpected: the present value is outside, a limit of somebody else is narrower |
//! | parameter that can be written, command | `_allowed_in` | the states of the device in which it is allowed, such as `["idle","warn"]`; left out if that is any |
//! | command | `_long`, `_timeout` | whether it takes as long as a motion; seconds |

mod base64;
mod connection;
mod face;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod gate;
mod lines;
mod neighbour;
mod node;
mod owners;
mod peer;
mod places;
mod reply;
mod request;
mod session;
mod socket;
mod value;

use std::{
    future::Future,
    io,
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
    time::Duration,
};

use tokio::{sync::watch, task::JoinSet};

use self::{
    connection::Connection,
    face::{Accepted, Faces},
    gate::Gate,
    node::Node,
    owners::Owners,
    places::{Place, Places, Refusals},
    reply::{Line, Report},
    socket::Socket,
};
use crate::{
    config::{ClientLimits, Secret},
    lab::Lab,
    log::Log,
};

/// How long sessions may take to say goodbye when the server ends.
const GOODBYE: Duration = Duration::from_secs(3);

/// What a client gets for `help`.
const HELP: &str = "\
read MODULE:PARAMETER           asks the hardware
change MODULE:PARAMETER VALUE   writes; VALUE is JSON, a number may be a text with a unit
do MODULE:COMMAND [ARGUMENT]    runs a command; do MODULE:stop stops, always
activate [MODULE]               sends what is known and then what changes; deactivate ends that
describe                        all modules with their parameters and commands, as JSON
ping TOKEN                      pong TOKEN
logging MODULE \"info\"          sends what is logged: error, warning, info, comlog, debug or off
_subscribe TOKEN {\"sender\":NAME,\"message\":NAME,\"policy\":\"drop_oldest\"}, _send TOKEN {\"message\":NAME,\"payload\":JSON}, _history TOKEN {\"path\":NAME,\"since\":S}
_log TOKEN {\"devices\":[NAME, ...],\"follow\":BOOL}, _audit TOKEN {\"paths\":[NAME, ...],\"follow\":BOOL}, _unsubscribe TOKEN {\"id\":N}
_status TOKEN, _drivers TOKEN, _stop_all TOKEN, _wait TOKEN {\"call\":N}, _wait_for TOKEN {\"path\":…,\"value\":…}, _cancel TOKEN {\"call\":N}
_lock TOKEN {\"targets\":[NAME, ...],\"wait\":S,\"note\":TEXT,\"lease\":S,\"keepalive\":S,\"queue\":BOOL}, _unlock TOKEN
_who TOKEN, _break TOKEN {\"target\":NAME,\"holder\":ID}, _protect TOKEN {\"targets\":[NAME, ...]}, _unprotect TOKEN {...}
_introduce TOKEN {\"user\",\"host\",\"program\",\"pid\"}, _join TOKEN {\"token\":SECRET}, _authenticate TOKEN {\"token\":SECRET}";

/// The answer to `*IDN?`.
fn ident() -> Arc<str> {
    "ISSE&SINE2020,SECoP,V2019-09-16,v1.0\n".into()
}

/// Addresses that are ours. Clients can connect from here on; a [`Server`] answers them.
///
/// A host takes them before it opens its lab: the second of two hosts on one config then ends before it has touched any
/// hardware.
pub struct Addresses {
    tcp: Option<TcpListener>,
    socket: Option<Socket>,
    names: Vec<String>,
    /// What clients have to show that come over TCP; `None` if only this machine can.
    token: Option<Secret>,
}

impl Addresses {
    /// Takes addresses: `listen` as `127.0.0.1:10767`, where port 0 is a free one, and the path of a Unix socket that
    /// only the same user may use (mode 0600). A socket that a host has left behind is replaced.
    ///
    /// # Errors
    /// If an address cannot be had. For one that is taken, the error says by whom, as far as can be found out: asking
    /// takes a second at most. If other machines can reach it: that takes a token, [`bind_with`](Self::bind_with).
    pub fn bind(listen: Option<&str>, socket: Option<&Path>) -> io::Result<Addresses> {
        Addresses::bind_with(listen, socket, None)
    }

    /// As [`bind`](Self::bind), with the token that clients have to show where `listen` is open to other machines. At
    /// a loopback address, and over the Unix socket, nobody is asked for it.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub fn bind_with(listen: Option<&str>, socket: Option<&Path>, token: Option<&Secret>) -> io::Result<Addresses> {
        let tcp = listen.map(|listen| neighbour::bind(listen, token)).transpose()?;
        let socket = socket.map(Socket::bind).transpose()?;
        let mut names = Vec::new();
        if let Some(tcp) = &tcp {
            names.push(tcp.local_addr()?.to_string());
        }
        names.extend(
            socket
                .as_ref()
                .map(|socket| format!("unix:{}", socket.path().display())),
        );
        let is_open = tcp.as_ref().map(neighbour::is_open_to_others).transpose()?;
        let token = token.filter(|_| is_open == Some(true)).cloned();
        Ok(Addresses {
            tcp,
            socket,
            names,
            token,
        })
    }
}

/// The server of a lab, bound to its addresses.
pub struct Server {
    shared: Arc<Shared>,
    tcp: Option<TcpListener>,
    socket: Option<Socket>,
}

/// What all sessions know.
struct Shared {
    lab: Lab,
    node: Node,
    /// Those who act, by connections that are there now.
    owners: Owners,
    /// The log that clients may read, if there is one.
    log: Option<Log>,
    /// Where clients find the lab.
    addresses: Vec<String>,
    /// What clients may take.
    limits: ClientLimits,
    /// Connections that there are.
    places: Places,
    /// Keeps strangers out who come over TCP; `None` if there can be none.
    gate: Option<Gate>,
    /// What was refused, for the log.
    refusals: Refusals,
}

impl Server {
    /// A server of `lab` at addresses that were taken before, perhaps before the lab was opened.
    pub fn new(lab: &Lab, addresses: Addresses) -> Server {
        let Addresses {
            tcp,
            socket,
            names,
            token,
        } = addresses;
        let limits = lab.config().host.clients;
        let owners = Owners::default();
        lab.publish_locks();
        lab.observe_locks({
            let owners = owners.clone();
            move |event| owners.tell(event)
        });
        let shared = Shared {
            lab: lab.clone(),
            node: Node::new(lab),
            owners,
            log: None,
            addresses: names,
            limits,
            places: Places::default(),
            gate: token.map(|token| Gate::new(token, &limits)),
            refusals: Refusals::default(),
        };
        Server {
            shared: Arc::new(shared),
            tcp,
            socket,
        }
    }

    /// [`Addresses::bind_with`] the token of the lab's config, and [`new`](Self::new), in one.
    ///
    /// # Errors
    /// If an address cannot be had.
    pub fn bind(lab: &Lab, listen: Option<&str>, socket: Option<&Path>) -> io::Result<Server> {
        let token = lab.config().host.token.as_ref();
        Ok(Server::new(lab, Addresses::bind_with(listen, socket, token)?))
    }

    /// Serves at most so many connections at a time, whatever the config says; more are refused with a line that says
    /// so.
    #[must_use]
    pub fn limit_connections(mut self, most: usize) -> Server {
        let shared = Arc::get_mut(&mut self.shared).expect("a server that does not run is nobody else's");
        shared.limits.connections = most;
        self
    }

    /// Lets clients read this log.
    ///
    /// # Panics
    /// If it serves already.
    #[must_use]
    pub fn with_log(mut self, log: &Log) -> Server {
        let shared = Arc::get_mut(&mut self.shared).expect("a server that does not run yet is shared with nobody");
        shared.log = Some(log.clone());
        self
    }

    /// Where clients find the lab: `127.0.0.1:10767`, `unix:/run/lab.sock`.
    pub fn addresses(&self) -> &[String] {
        &self.shared.addresses
    }

    /// The address and port that were taken.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        self.tcp.as_ref()?.local_addr().ok()
    }

    /// Serves until `shutdown` is ready. Then no more connections are taken; sessions have a second for the answers that
    /// they still owe and one for sending them. The Unix socket is removed. The lab stays open.
    ///
    /// The workers of an inline lab run here too, beside the sockets (I6): such a lab wants a runtime of one thread.
    ///
    /// # Errors
    /// If the runtime cannot watch the sockets. A connection that fails ends alone.
    ///
    /// # Cancel safety
    /// When the future is dropped, all sessions end where they are.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let lab = self.shared.lab.clone();
        // First in turn, so that an inline lab knows that it is pumped before the first request comes.
        tokio::select! {
            biased;
            () = lab.pump() => unreachable!("a lab is pumped for as long as it is polled"),
            outcome = self.serve(shutdown) => outcome,
        }
    }

    async fn serve(self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let faces = Faces::new(self.tcp, self.socket.as_ref())?;
        let (ending, ends) = watch::channel(false);
        let mut sessions = JoinSet::new();
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                Some(ended) = sessions.join_next(), if !sessions.is_empty() => note(ended),
                accepted = faces.accept() => match self.shared.place(&accepted) {
                    Ok(place) => {
                        let connection = Connection::new(&self.shared, ends.clone(), place, accepted.peer());
                        sessions.spawn(connection.run(accepted));
                    }
                    Err(why) => self.shared.refuse(accepted, &why),
                },
            }
        }
        drop(faces);
        drop(self.socket);
        // Sessions that have ended no longer listen, and that is fine.
        let _ = ending.send(true);
        let goodbyes = async {
            while let Some(ended) = sessions.join_next().await {
                note(ended);
            }
        };
        let _ = tokio::time::timeout(GOODBYE, goodbyes).await;
        Ok(())
    }
}

/// A session must not panic; if one does, the others go on.
fn note(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!("a session ended in a panic: {error}");
    }
}

impl Shared {
    /// A place for a new connection.
    fn place(&self, accepted: &Accepted) -> Result<Place, String> {
        self.places.take_within(accepted.share(), &self.limits)
    }

    /// Says why there is no session, as far as the socket takes it without waiting.
    fn refuse(&self, accepted: Accepted, why: &str) {
        self.refusals.note(accepted.share(), &accepted.peer(), why);
        let line = Line::error("connect", "", &Report::new("IsBusy", why));
        accepted.try_send(line.as_str().as_bytes());
    }
}
