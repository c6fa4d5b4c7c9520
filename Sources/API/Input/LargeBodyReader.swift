import Hummingbird
import Synchronization

/// Reads bodies that may be large, so many bytes at one time: a thousand clients with a file each would else fill the
/// memory.
struct LargeBodyReader: Sendable {
    private let bodies: BodyReader
    /// Up to this a body is like those of all routes, and not counted.
    private let smallBytes: Int
    private let budget: ByteBudget

    init(_ limits: APILimits) {
        self.bodies = BodyReader(maxBytes: limits.maxMessageBytes)
        self.smallBytes = limits.maxBodyBytes
        self.budget = ByteBudget(limits.maxLargeBodiesBytes)
    }

    /// Lends the whole body; what it takes is free again when `use` has ended.
    ///
    /// - Throws: as `BodyReader.read`; `RequestError.tooManyLargeBodies`; what `use` throws.
    func withBody<Result>(
        _ request: Request,
        _ use: ([UInt8]) async throws -> Result
    ) async throws -> Result {
        // A body that does not say how long it is may be as long as any.
        let bytes = request.announcedBodyLength ?? self.bodies.maxBytes
        guard bytes > self.smallBytes else { return try await use(self.bodies.read(request)) }
        guard self.budget.take(bytes) else { throw RequestError.tooManyLargeBodies }
        defer { self.budget.giveBack(bytes) }
        return try await use(self.bodies.read(request))
    }
}

/// So many bytes, for whoever comes first.
final class ByteBudget: Sendable {
    private let left: Mutex<Int>

    init(_ bytes: Int) {
        self.left = Mutex(bytes)
    }

    /// - Returns: false when so many are not left.
    func take(_ bytes: Int) -> Bool {
        self.left.withLock { left in
            guard bytes <= left else { return false }
            left -= bytes
            return true
        }
    }

    func giveBack(_ bytes: Int) {
        self.left.withLock { $0 += bytes }
    }
}
