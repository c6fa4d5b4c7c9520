import Dispatch
import Synchronization

/// Verifies secrets off the cooperative pool, one at a time, and remembers the ones found right.
///
/// One at a time, because each takes a core for tens of milliseconds and 16 MiB. What is remembered never grows stale:
/// it is that a hash belongs to a secret, and the hash is read from the database.
final class SecretVerifier: Sendable {
    private struct Match: Hashable {
        let hmac: String
        let phc: String
    }

    /// Projects in use at one time; beyond it everything is forgotten and verified anew.
    private static let capacity = 4096

    private let hasher: SecretHasher
    private let queue = DispatchQueue(label: "skillrelay.argon2")
    private let matches = Mutex<Set<Match>>([])

    init(hasher: SecretHasher) {
        self.hasher = hasher
    }

    /// Whether `phc` is a hash of `secret`; `hmac`, its lookup hash, stands for it in memory.
    func isRight(_ secret: String, hmac: String, phc: String) async -> Bool {
        let match = Match(hmac: hmac, phc: phc)
        guard !self.isKnown(match) else { return true }
        return await withCheckedContinuation { continuation in
            self.queue.async {
                // Asked again: those who waited behind the first of a new token need not compute.
                guard !self.isKnown(match) else { return continuation.resume(returning: true) }
                let isRight = self.hasher.verify(secret, phc: phc)
                if isRight { self.remember(match) }
                continuation.resume(returning: isRight)
            }
        }
    }

    private func isKnown(_ match: Match) -> Bool {
        self.matches.withLock { $0.contains(match) }
    }

    private func remember(_ match: Match) {
        self.matches.withLock { matches in
            if matches.count >= Self.capacity { matches.removeAll() }
            matches.insert(match)
        }
    }
}
