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
                    await self.request(from: number % self.instances.count)
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
        /// Its trace context, if it has one; and a key with which it is repeated until its outcome is known.
        let headers: [String: String]
        let hasKey: Bool
    }

    /// One client: comes back by itself when the instance was away.
    private func request(from number: Int) async {
        let instance = self.instances[number]
        var open: Intent?
        while !self.isStopped || open != nil, !Task.isCancelled {
            if let port = instance.port {
                let probe = HTTPProbe(port: port, headers: ["authorization": "Bearer \(self.token)"])
                // Without a connection nothing was asked; a lost one has been noted.
                try? await probe.withConnection { connection in
                    while !self.isStopped || open != nil {
                        let intent = open ?? self.nextIntent()
                        open = intent.hasKey ? intent : nil
                        if try await self.send(intent, to: number, over: connection) { open = nil }
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
        let context = Self.context(number)
        let key = number.isMultiple(of: 2) ? ["idempotency-key": UUID().uuidString] : [:]
        return Intent(
            request: self.ledger.sending(
                task: task.id, status: status, expectsEvent: status == "success" || status == "failed",
                context: context
            ),
            path: task.statusPath,
            status: status,
            headers: context.merging(key) { $1 },
            hasKey: !key.isEmpty
        )
    }

    /// What some clients send to find their request again in the message: each a trace of its own, every other one with a state.
    private static func context(_ number: Int) -> [String: String] {
        guard number.isMultiple(of: 3) else { return [:] }
        let trace = String(number + 1, radix: 16)
        let parent = "00-\(String(repeating: "0", count: 32 - trace.count))\(trace)-00f067aa0ba902b7-01"
        let state = number.isMultiple(of: 6) ? ["tracestate": "load=\(number)"] : [:]
        return state.merging(["traceparent": parent]) { $1 }
    }

    /// Asks once, and notes what is known then; true when that is final.
    private func send(_ intent: Intent, to instance: Int, over connection: HTTPConnection) async throws -> Bool {
        let sentAt = self.ledger.now
        do {
            let answer = try await connection.send(
                "PATCH", intent.path, headers: intent.headers, body: #"{"status":"\#(intent.status)"}"#
            )
            let known = Self.known(from: answer, isRepeatable: intent.hasKey)
            self.ledger.answered(intent.request, known, by: instance, sentAt: sentAt)
            return (200..<500).contains(answer.status) && answer.status != 409
        } catch {
            self.ledger.answered(intent.request, .unknown("no answer: \(error)"), by: instance, sentAt: sentAt)
            throw error
        }
    }

    private static func known(from answer: HTTPAnswer, isRepeatable: Bool) -> Request.Answer {
        switch answer.status {
        case 200..<300: .ok
        // The same key is still at work.
        case 409: .unknown("409")
        case 400..<500: .refused(answer.status)
        case 503 where !isRepeatable && answer.text.contains("nothing was changed"): .refused(503)
        default: .unknown("\(answer.status) \(answer.text)")
        }
    }
}
