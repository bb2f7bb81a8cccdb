//! stub
#[derive(Clone,Copy,Debug,PartialEq,Eq)]
/// x
pub enum Processing { /// a
Async, /// s
Sync }
/// x
#[allow(missing_docs)] pub struct Config { pub server: Server, pub command_processing: Processing, pub event_processing: Processing }
#[allow(missing_docs)] pub struct Server { pub priority_lanes: PriorityLanes }
#[allow(missing_docs)] pub struct PriorityLanes { pub enabled: bool, pub threshold: i32 }
