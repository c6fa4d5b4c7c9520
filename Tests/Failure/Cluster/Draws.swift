import Synchronization

/// Chance that can be had again: the same seed draws the same numbers.
final class Draws: Sendable {
    private let generator: Mutex<SeededGenerator>
    private let names = Atomic(0)

    init(seed: UInt64) {
        self.generator = Mutex(SeededGenerator(seed: seed))
    }

    /// 0 up to, and without, `bound`.
    func below(_ bound: Int) -> Int {
        self.generator.withLock { Int.random(in: 0..<bound, using: &$0) }
    }

    /// A number that was not given before; the same in each run.
    func name() -> Int {
        self.names.add(1, ordering: .relaxed).newValue
    }
}

/// SplitMix64: the same sequence for the same seed, on every platform.
/// <https://prng.di.unimi.it/splitmix64.c>
private struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        self.state = seed
    }

    mutating func next() -> UInt64 {
        self.state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
