import Foundation
import Support
import Synchronization

/// Clients that change the status of tasks at a modest, steady rate, each request on a task of its own while there are any, and note
/// what they were told.
final class Load: Sendable {
    private struct State {
        var nextTask = 0
        var isStopped = false
        var busyCount = 0
    }

    private static let clientCount = 6
    /// Between two requests of one client.
    private static let pause = Duration.milliseconds(40)

    private let instances: [Instance]
    private let token: String
    private let tasks: [ProjectClient.Task]
    private let ledger: Ledger
    private let state = Mutex(State())

    init(on tasks: [ProjectClient.Task], of instances: [Instance], token: String, ledger: Ledger) {
        self.tasks = tasks
        self.instances = instances
        self.token = token
        self.ledger = ledger
    }

    /// Requests until ``stop()``.
    func run() async {
        self.state.withLock { $0.busyCount += Self.clientCount }
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<Self.clientCount {
                group.addTask {
                    await self.request(from: self.instances[number % self.instances.count])
                    self.state.withLock { $0.busyCount -= 1 }
                }
            }
        }
    }

    /// Stops, and waits until the last requests are answered.
    func stop() async throws {
        self.state.withLock { $0.isStopped = true }
        try await eventually("the last requests are answered", within: .seconds(60)) {
            self.state.withLock { $0.busyCount == 0 }
        }
    }

    private var isStopped: Bool { self.state.withLock { $0.isStopped } }

    /// A change that a client wants made.
    private struct Intent {
        let request: Int
        let path: String
        let status: String
        /// With a key it is repeated until its outcome is known.
        let key: String?
    }

    /// One client: comes back by itself when the instance was away.
    private func request(from instance: Instance) async {
        var open: Intent?
        while !self.isStopped || open != nil, !Task.isCancelled {
            if let port = instance.port {
                let probe = HTTPProbe(port: port, headers: ["authorization": "Bearer \(self.token)"])
                // Without a connection nothing was asked; a lost one has been noted.
                try? await probe.withConnection { connection in
                    while !self.isStopped || open != nil {
                        let intent = open ?? self.nextIntent()
                        open = intent.key == nil ? nil : intent
                        if try await self.send(intent, over: connection) { open = nil }
                        try await Task.sleep(for: Self.pause)
                    }
                }
            }
            try? await Task.sleep(for: Self.pause)  // cancelled: the test is over, and with it the load
        }
    }

    /// Mostly what is learned from; now and then what is not, or is no status at all. Every other one with a key.
    private func nextIntent() -> Intent {
        let number = self.state.withLock { state in
            defer { state.nextTask += 1 }
            return state.nextTask
        }
        let task = self.tasks[number % self.tasks.count]
        let status = number % 50 == 49 ? "done" : ["success", "failed", "success", "running"][number / 2 % 4]
        return Intent(
            request: self.ledger.sending(
                task: task.id, status: status, expectsEvent: status == "success" || status == "failed"
            ),
            path: task.statusPath,
            status: status,
            key: number.isMultiple(of: 2) ? UUID().uuidString : nil
        )
    }

    /// Asks once, and notes what is known then; true when that is final.
    private func send(_ intent: Intent, over connection: HTTPConnection) async throws -> Bool {
        do {
            let answer = try await connection.send(
                "PATCH", intent.path, headers: intent.key.map { ["idempotency-key": $0] } ?? [:],
                body: #"{"status":"\#(intent.status)"}"#
            )
            switch answer.status {
            case 200..<300: self.ledger.answered(intent.request, .ok)
            // The same key is still at work.
            case 409: self.ledger.answered(intent.request, .unknown("409"))
            case 400..<500: self.ledger.answered(intent.request, .refused(answer.status))
            case 503 where intent.key == nil && answer.text.contains("nothing was changed"):
                self.ledger.answered(intent.request, .refused(503))
            default: self.ledger.answered(intent.request, .unknown("\(answer.status) \(answer.text)"))
            }
            return (200..<500).contains(answer.status) && answer.status != 409
        } catch {
            self.ledger.answered(intent.request, .unknown("no answer: \(error)"))
            throw error
        }
    }
}
