import Logging
import Metrics
import MetricsTestKit
import ServiceLifecycle
import Support
import Synchronization
import Testing

@testable import Postgres

@Suite("Pool on a server")
struct PoolTests {
    private static let backendID = PostgresStatement("backend", "SELECT pg_backend_pid() FROM pg_sleep(0.02)")

    private func withPool<R>(
        _ configuration: PostgresConfiguration,
        size: Int,
        acquireTimeout: Duration = .seconds(10),
        _ body: (PostgresPool, ServiceGroup) async throws -> R
    ) async throws -> R {
        let pool = PostgresPool(
            configuration: configuration,
            size: size,
            acquireTimeout: acquireTimeout,
            logger: Server.logger
        )
        let group = ServiceGroup(services: [pool], logger: Server.logger)
        return try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            let result = try await body(pool, group)
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
            return result
        }
    }

    private func configuration(_ name: String) throws -> PostgresConfiguration {
        var configuration = try Server.configuration(name: name)
        configuration.statementTimeout = .seconds(30)
        return configuration
    }

    private func backendID(_ pool: PostgresPool) async throws -> Int32 {
        try await pool.query(Self.backendID) { try $0.decode(Int32.self) }[0]
    }

    /// Takes a connection for as long as `body` runs.
    private func holding(
        _ pool: PostgresPool,
        name: String,
        _ body: (PostgresConnection) async throws -> Void
    ) async throws {
        let holder = Task { try await pool.perform { try $0.script("SELECT pg_sleep(30)") } }
        try await withConnection { observer in
            try await eventually("the connection is held") {
                let sleeping = "SELECT 1 FROM pg_stat_activity WHERE application_name = $1 AND wait_event = 'PgSleep'"
                return try await observer.values(sleeping, [.text(name)], as: Int32.self) == [1]
            }
            try await body(observer)
        }
        holder.cancel()
        _ = await holder.result
    }

    @Test("many callers share few connections, and none remains afterwards")
    func bounded() async throws {
        let name = Server.uniqueName("bounded")
        let ids = try await self.withPool(self.configuration(name), size: 3) { pool, _ in
            try await withThrowingTaskGroup { group in
                for _ in 0..<30 { group.addTask { try await self.backendID(pool) } }
                return try await group.reduce(into: Set<Int32>()) { $0.insert($1) }
            }
        }
        #expect((1...3).contains(ids.count))
        try await withConnection { observer in
            try await eventually("all sessions have ended") { try await observer.sessions(named: name).isEmpty }
        }
    }

    @Test("waiters are served in the order they came")
    func order() async throws {
        let name = Server.uniqueName("order")
        try await self.withPool(self.configuration(name), size: 1) { pool, _ in
            let served = Served()
            try await withThrowingTaskGroup { group in
                try await self.holding(pool, name: name) { _ in
                    for number in 0..<5 {
                        group.addTask { try await pool.perform { _ in served.numbers.withLock { $0.append(number) } } }
                        try await eventually("it waits") { pool.state.withLock { $0.waiterCount } == number + 1 }
                    }
                }
                try await group.waitForAll()
            }
            #expect(served.numbers.withLock { $0 } == [0, 1, 2, 3, 4])
        }
    }

    @Test("tells what its connections do, and measures how long callers waited for one")
    func usage() async throws {
        let name = Server.uniqueName("usage")
        let metrics = TestMetrics()
        try await withMetricsFactory(metrics) {
            try await self.withPool(self.configuration(name), size: 1) { pool, _ in
                try await eventually("connected") { pool.isConnected }
                #expect(pool.usage == PostgresPoolUsage(limit: 1, idle: 1, used: 0, opening: 0, waiting: 0))
                #expect(!pool.usage.isExhausted)
                try await withThrowingTaskGroup { group in
                    try await self.holding(pool, name: name) { _ in
                        group.addTask { try await self.backendID(pool) }
                        try await eventually("it waits") { pool.usage.waiting == 1 }
                        #expect(pool.usage == PostgresPoolUsage(limit: 1, idle: 0, used: 1, opening: 0, waiting: 1))
                        #expect(pool.usage.isExhausted)
                    }
                    try await group.waitForAll()
                }
                #expect(try metrics.expectTimer("postgres.pool.wait").values.count == 1)
                #expect(try metrics.expectCounter("postgres.connects", [("result", "ok")]).totalValue == 1)
            }
        }
    }

    @Test("nobody waits longer than the deadline, and who gives up leaves nothing behind")
    func deadline() async throws {
        let name = Server.uniqueName("deadline")
        try await self.withPool(self.configuration(name), size: 1, acquireTimeout: .milliseconds(100)) { pool, _ in
            try await eventually("connected") { pool.isConnected }
            try await self.holding(pool, name: name) { _ in
                let start = ContinuousClock.now
                let error = await postgresError { _ = try await self.backendID(pool) }
                #expect(error?.code == .unavailable)
                #expect(ContinuousClock.now - start < .seconds(2))
            }
            #expect(try await self.backendID(pool) > 0)
        }
    }

    @Test("a cancelled waiter leaves at once, and the connection goes to the next")
    func cancelledWaiter() async throws {
        let name = Server.uniqueName("waiter")
        try await self.withPool(self.configuration(name), size: 1) { pool, _ in
            try await self.holding(pool, name: name) { _ in
                let waiter = Task { try await self.backendID(pool) }
                try await eventually("it waits") { pool.state.withLock { $0.waiterCount } == 1 }
                waiter.cancel()
                #expect(await postgresError { _ = try await waiter.value }?.code == .cancelled)
                #expect(pool.state.withLock { $0.waiterCount } == 0)
            }
            #expect(try await self.backendID(pool) > 0)
        }
    }

    @Test("sessions ended while idle: the next lease succeeds on a fresh one")
    func staleIdle() async throws {
        let name = Server.uniqueName("stale")
        try await self.withPool(self.configuration(name), size: 2) { pool, _ in
            for _ in 0..<20 {
                let id = try await self.backendID(pool)
                try await withConnection { try await $0.terminate(id) }
                #expect(try await self.backendID(pool) != id)
            }
        }
    }

    @Test("sessions ended while idle are replaced without being asked for")
    func replaced() async throws {
        let name = Server.uniqueName("replaced")
        try await self.withPool(self.configuration(name), size: 1) { pool, _ in
            let id = try await self.backendID(pool)
            try await withConnection { observer in
                try await observer.terminate(id)
                try await eventually("a new session is there") {
                    try await observer.sessions(named: name).contains { $0 != id }
                }
            }
        }
    }

    @Test("a block that leaves a transaction open is told so, and the next finds none")
    func openTransaction() async throws {
        let name = Server.uniqueName("left")
        try await self.withPool(self.configuration(name), size: 1) { pool, _ in
            let error = await postgresError { try await pool.perform { try $0.begin() } }
            #expect(error?.sqlState == .invalidTransactionState)
            let inside = PostgresStatement("inside", "SELECT pg_current_xact_id_if_assigned() IS NOT NULL")
            try await pool.perform { session in try session.transaction { _ = try session.execute(inside) } }
        }
    }

    @Test("graceful shutdown refuses newcomers, waits for those inside, and closes all")
    func graceful() async throws {
        let name = Server.uniqueName("graceful")
        try await self.withPool(self.configuration(name), size: 2) { pool, group in
            let inside = Task { try await pool.perform { try $0.script("SELECT pg_sleep(1)") } }
            try await withConnection { observer in
                try await eventually("it runs") {
                    try await observer.sessions(named: name, "wait_event = 'PgSleep'").count == 1
                }
                await group.triggerGracefulShutdown()
                try await eventually("newcomers are refused") {
                    await postgresError { _ = try await self.backendID(pool) }?.code == .unavailable
                }
                try await inside.value
                try await eventually("all sessions have ended") { try await observer.sessions(named: name).isEmpty }
            }
            #expect(!pool.isConnected)
        }
    }

    @Test("cancellation does not wait for those inside")
    func cancelled() async throws {
        let name = Server.uniqueName("cancelled")
        let pool = try PostgresPool(configuration: self.configuration(name), size: 1, logger: Server.logger)
        let run = Task { try await pool.run() }
        let inside = Task { try await pool.perform { try $0.script("SELECT pg_sleep(30)") } }
        try await withConnection { observer in
            try await eventually("it runs") {
                try await observer.sessions(named: name, "wait_event = 'PgSleep'").count == 1
            }
        }
        let start = ContinuousClock.now
        run.cancel()
        try await run.value
        #expect(await postgresError { try await inside.value }?.code == .outcomeUnknown)
        #expect(ContinuousClock.now - start < .seconds(2))
    }

    @Test("without a server a lease is refused at once; when the server comes, the pool finds it")
    func serverComesLate() async throws {
        let url = try TestURL(TestEnvironment.databaseURL)
        try await withFaultProxy(to: url.port) { proxy in
            let configuration = try Server.configuration(name: "late", url: url.port(proxy.port))
            try await self.withPool(configuration, size: 4) { pool, _ in
                try await eventually("the server is known to be away") { pool.state.withLock { $0.failures } > 0 }
                for _ in 0..<10 {
                    let start = ContinuousClock.now
                    let error = await postgresError { _ = try await self.backendID(pool) }
                    #expect(error?.code == .unavailable)
                    #expect(ContinuousClock.now - start < .milliseconds(100))
                }
                #expect(!pool.isConnected)
                proxy.open()
                try await eventually("connected") { pool.isConnected }
                #expect(try await self.backendID(pool) > 0)
            }
        }
    }
}

/// Who had a connection, in order.
private final class Served: Sendable {
    let numbers = Mutex<[Int]>([])
}
