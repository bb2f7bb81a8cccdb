//! stub
/// x
#[derive(Clone,Debug,PartialEq)] pub struct Rest;
