import Glibc
import Support
import Synchronization

/// One place where a `skillrelay serve` runs: again and again, as often as it is started after it was killed.
final class Instance: Sendable {
    private struct State {
        /// Set to start it; taken by ``run()``.
        var order: [String: String]?
        var process: ServiceProcess?
        var port: Int?
        /// Whether it was told to end, or to end itself.
        var mayEnd = false
        var lastExit: ServiceProcess.Exit?
        var log = ""
    }

    private let environment: [String: String]
    private let state = Mutex(State())

    init(environment: [String: String]) {
        self.environment = environment
    }

    /// Where it listens; nothing while it is down.
    var port: Int? { self.state.withLock { $0.port } }

    /// What all its processes have logged.
    var log: String { self.state.withLock { $0.log + ($0.process?.log ?? "") } }

    /// Runs what ``start(_:)`` asks for, until cancelled.
    ///
    /// - Throws: ``TestError`` when a process ends that nobody told to.
    func run() async throws {
        while !Task.isCancelled {
            guard let order = self.state.withLock({ $0.order.take() }) else {
                try await Task.sleep(for: .milliseconds(20))
                continue
            }
            try await withService(environment: self.environment.merging(order) { $1 }) { service in
                self.state.withLock { $0.process = service }
                do {
                    let port = try await service.port(within: .seconds(60))
                    self.state.withLock { $0.port = port }
                } catch {
                    // One that is to end may do so before it listens.
                    guard self.state.withLock({ $0.mayEnd }) else { throw error }
                }
                let exit = try await service.exit(within: .seconds(24 * 3600))
                let mayEnd = self.state.withLock { state in
                    state.process = nil
                    state.port = nil
                    state.lastExit = exit
                    state.log += service.log
                    return state.mayEnd
                }
                guard mayEnd else { throw TestError("skillrelay ended by itself, \(exit):\n\(self.log.suffix(8000))") }
            }
        }
    }

    /// Starts a process and waits until it listens.
    ///
    /// - Parameters:
    ///   - extra: What its environment has beside the instance's own.
    ///   - mayEnd: Whether the process will end by itself.
    /// - Throws: ``TestError`` when it takes too long.
    func start(_ extra: [String: String] = [:], mayEnd: Bool = false) async throws {
        self.state.withLock { state in
            state.order = extra
            state.mayEnd = mayEnd
            state.lastExit = nil
        }
        try await eventually("skillrelay listens", within: .seconds(60)) {
            self.state.withLock { $0.port != nil || $0.lastExit != nil }
        }
    }

    /// Sends a signal that ends the process, and waits for the end.
    @discardableResult
    func end(by signal: Int32, within limit: Duration = .seconds(20)) async throws -> ServiceProcess.Exit {
        let process = self.state.withLock { state in
            state.mayEnd = true
            return state.process
        }
        process?.signal(signal)
        return try await self.ended(within: limit)
    }

    /// Sends a signal that need not end it.
    func signal(_ number: Int32) {
        self.state.withLock { $0.process }?.signal(number)
    }

    /// Waits for the end of a process that ends by itself.
    @discardableResult
    func ended(within limit: Duration = .seconds(20)) async throws -> ServiceProcess.Exit {
        try await eventually("skillrelay ends", within: limit) { self.state.withLock { $0.lastExit } }
    }
}
