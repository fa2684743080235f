//! How does a phone tell that a key is pressed (RFC 4733)?

/// What `*` and `#` are called.
pub const STAR: u8 = 10;
pub const HASH: u8 = 11;

/// The packets of one press, one each 20 ms, from that place on in a stream of PCMU at 20 ms a
/// packet: payload type 101, the end three times over.
pub fn press(key: u8, at: u16, ssrc: u32) -> Vec<Vec<u8>> {
    let packet = |step: u16| {
        let marker = if step == 0 { 0x80 } else { 0 };
        let end = if step > 4 { 0x80 } else { 0 };
        let mut bytes = vec![0x80, marker | 101];
        bytes.extend((at + step).to_be_bytes());
        bytes.extend((u32::from(at) * 160).to_be_bytes());
        bytes.extend(ssrc.to_be_bytes());
        bytes.extend([key, end | 10]);
        bytes.extend(((step.min(5) + 1) * 160).to_be_bytes());
        bytes
    };
    (0..8).map(packet).collect()
}
