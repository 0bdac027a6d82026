//! The lab's own generator (xoshiro256++, seeded by SplitMix64; Blackman and Vigna, public domain).
//!
//! Ours, and integers only, because "same seed, same bytes" must survive an update of any dependency and any machine.

use caponier_model::Guid;

/// A stream of numbers that depends on its seed and its name alone.
#[derive(Clone, Debug)]
pub struct Random {
    state: [u64; 4],
}

impl Random {
    /// The stream `name` of `seed`: streams of other names are unrelated, so a change in one part moves no other part.
    pub fn new(seed: u64, name: &str) -> Self {
        let mut mixed = seed;
        for byte in name.bytes() {
            mixed = split_mix(mixed ^ u64::from(byte));
        }
        let mut state = [0; 4];
        for word in &mut state {
            mixed = split_mix(mixed);
            *word = mixed;
        }
        Self { state }
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        self.state = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        result
    }

    /// A number below `bound`; 0 when `bound` is 0. The bias of the multiplication is below 2^-32 for our bounds.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// A number in `low..high`; `low` when the range is empty.
    pub fn range(&mut self, low: i64, high: i64) -> i64 {
        low + self.below(usize::try_from(high.saturating_sub(low)).unwrap_or(0)) as i64
    }

    /// True in `permille` of a thousand cases.
    pub fn chance(&mut self, permille: u32) -> bool {
        self.below(1000) < permille as usize
    }

    /// One of `items`, which must not be empty.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// A version 4 GUID whose first digit is decimal: no letter pair at its head can be mistaken for Defender's prefixes.
    pub fn guid(&mut self) -> Guid {
        let wide = u128::from(self.next()) << 64 | u128::from(self.next());
        let versioned = wide & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
        Guid::from_u128(versioned & !(0x8 << 124))
    }

    /// `digits` hexadecimal digits in lower case, the first of them decimal (see [`Random::guid`]).
    pub fn hex(&mut self, digits: usize) -> String {
        let mut text = String::with_capacity(digits);
        for i in 0..digits {
            let digit = self.below(if i == 0 { 10 } else { 16 }) as u32;
            text.push(char::from_digit(digit, 16).unwrap_or('0'));
        }
        text
    }
}

fn split_mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ_by_name_and_seed() {
        let take = |seed, name| {
            (0..8)
                .map({
                    let mut random = Random::new(seed, name);
                    move |_| random.next()
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(take(7, "noise"), take(7, "noise"));
        assert_ne!(take(7, "noise"), take(7, "cast"));
        assert_ne!(take(7, "noise"), take(8, "noise"));
    }

    #[test]
    fn bounds_hold_and_are_reached() {
        let mut random = Random::new(1, "bounds");
        let mut seen = [0u32; 6];
        for _ in 0..6000 {
            seen[random.below(6)] += 1;
        }
        assert!(seen.iter().all(|&n| (800..1200).contains(&n)), "{seen:?}");
        assert_eq!(random.below(0), 0);
        assert_eq!(random.range(5, 5), 5);
        for _ in 0..100 {
            let guid = random.guid().to_string();
            assert_eq!(guid.as_bytes()[14], b'4');
            assert!(guid.as_bytes()[0].is_ascii_digit() && b"89ab".contains(&guid.as_bytes()[19]), "{guid}");
            assert!(random.hex(40).as_bytes()[0].is_ascii_digit());
        }
    }
}
