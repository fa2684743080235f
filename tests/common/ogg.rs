//! How do Opus packets lie in a file? (RFC 3533, RFC 7845)

/// The audio packets of a file that ffmpeg wrote.
pub fn packets(file: &[u8]) -> Vec<Vec<u8>> {
    let (mut all, mut packet, mut rest) = (Vec::new(), Vec::new(), file);
    while let Some(&n_segments) = rest.get(26) {
        assert_eq!(&rest[..4], b"OggS");
        let (lengths, body) = rest[27..].split_at(usize::from(n_segments));
        let mut at = 0;
        for &length in lengths {
            packet.extend_from_slice(&body[at..at + usize::from(length)]);
            at += usize::from(length);
            if length < 255 {
                all.push(std::mem::take(&mut packet));
            }
        }
        rest = &body[at..];
    }
    // Behind the identification and the comments.
    all.split_off(2)
}

/// A file with packets of `frames` each, at 48 kHz and mono.
pub fn file(packets: &[Vec<u8>], frames: usize) -> Vec<u8> {
    let head = b"OpusHead\x01\x01\0\0\x80\xBB\0\0\0\0\0";
    let tags = b"OpusTags\0\0\0\0\0\0\0\0";
    let mut out = page(head, 0, 0, 2);
    out.extend(page(tags, 0, 1, 0));
    for (i, packet) in packets.iter().enumerate() {
        let is_last = i + 1 == packets.len();
        let end = ((i + 1) * frames) as u64;
        out.extend(page(packet, end, i as u32 + 2, if is_last { 4 } else { 0 }));
    }
    out
}

fn page(packet: &[u8], position: u64, number: u32, flags: u8) -> Vec<u8> {
    let mut out = b"OggS\0".to_vec();
    out.push(flags);
    out.extend(position.to_le_bytes());
    out.extend(1u32.to_le_bytes());
    out.extend(number.to_le_bytes());
    out.extend([0; 4]);
    out.push((packet.len() / 255 + 1) as u8);
    out.extend(std::iter::repeat_n(255, packet.len() / 255));
    out.push((packet.len() % 255) as u8);
    out.extend_from_slice(packet);
    let sum = checksum(&out).to_le_bytes();
    out[22..26].copy_from_slice(&sum);
    out
}

fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte) << 24, |sum: u32, _| {
            let top = sum >> 31;
            (sum << 1) ^ (top * 0x04C1_1DB7)
        })
    })
}
