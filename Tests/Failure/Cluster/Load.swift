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

    /// One client: comes back by itself when the instance was away.
    private func request(from instance: Instance) async {
        while !self.isStopped {
            if let port = instance.port {
                let probe = HTTPProbe(port: port, headers: ["authorization": "Bearer \(self.token)"])
                // Without a connection nothing was asked; a lost one has been noted.
                try? await probe.withConnection { connection in
                    while !self.isStopped {
                        try await self.request(over: connection)
                        try await Task.sleep(for: Self.pause)
                    }
                }
            }
            try? await Task.sleep(for: Self.pause)  // cancelled: the test is over, and with it the load
        }
    }

    private func request(over connection: HTTPConnection) async throws {
        let number = self.state.withLock { state in
            defer { state.nextTask += 1 }
            return state.nextTask
        }
        let task = self.tasks[number % self.tasks.count]
        // Mostly what is learned from; now and then what is not, or is no status at all.
        let status = number % 50 == 49 ? "done" : ["success", "failed", "success", "running"][number % 4]
        let expectsEvent = status == "success" || status == "failed"
        let request = self.ledger.sending(task: task.id, status: status, expectsEvent: expectsEvent)
        do {
            let answer = try await connection.send("PATCH", task.statusPath, body: #"{"status":"\#(status)"}"#)
            switch answer.status {
            case 200..<300: self.ledger.answered(request, .ok)
            case 400..<500: self.ledger.answered(request, .refused(answer.status))
            default: self.ledger.answered(request, .unknown("\(answer.status)"))
            }
        } catch {
            self.ledger.answered(request, .unknown("no answer: \(error)"))
            throw error
        }
    }
}
