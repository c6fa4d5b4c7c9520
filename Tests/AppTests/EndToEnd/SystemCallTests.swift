import Foundation
import Glibc
import RabbitMQ
import Support
import Testing

/// Counts of `strace`: they hold on any machine, and keep the speed from rotting.
@Suite("What the running service asks of the kernel", .timeLimit(.minutes(2)))
struct SystemCallTests {
    @Test("a window of messages is one write to the broker, a batch is four round trips to the database")
    func relay() async throws {
        try await EndToEnd.with { system in
            let batches = 20
            try await system.database.script(
                """
                SELECT skillrelay.enqueue('\(RabbitMQConnection.coreExchange)', '\(RabbitMQConnection.coreRoutingKey)',
                    decode(repeat('ab', 149), 'hex'))
                FROM generate_series(1, \(batches * 256))
                """)
            let trace = try await Self.trace(system, role: "relay") { _ in
                try await eventually("the outbox is empty", within: .seconds(60)) {
                    try await system.database.value("SELECT pending FROM skillrelay.relay_status", as: Int.self) == 0
                }
            }
            let toBroker = try trace.writes(to: system.vhost.url)
            #expect(toBroker >= batches && toBroker <= 4 * batches + 40, "\(toBroker) writes to the broker")
            let toDatabase = try trace.writes(to: system.database.url)
            // The ids of a full batch are more than libpq writes at once. At the start the lanes and the pool connect, retention looks once
            // at each of its tables in a transaction of its own, and the relay reports itself: a hundred, whatever there is to send.
            #expect(toDatabase <= 5 * batches + 130, "\(toDatabase) writes to the database")
        }
    }

    @Test("a status change is one round trip to the database and one write to the client")
    func statusChange() async throws {
        try await EndToEnd.with { system in
            let count = 300
            var port = 0
            let trace = try await Self.trace(system, role: "api") { client in
                port = client.probe.port
                let task = try await client.makeLearningTask()
                for _ in 0..<count { #expect(try await client.setStatus(of: task, to: "success").status == 200) }
            }
            let toDatabase = try trace.writes(to: system.database.url)
            #expect(toDatabase >= count && toDatabase <= count + 100, "\(toDatabase) writes to the database")
            let toClient = trace.writes(from: port)
            #expect(toClient >= count && toClient <= count + 10, "\(toClient) writes to clients")
        }
    }

    /// What a service did from its start to its stop.
    private static func trace(
        _ system: EndToEnd,
        role: String,
        _ body: (ProjectClient) async throws -> Void
    ) async throws -> Trace {
        let file = FileManager.default.temporaryDirectory.appending(path: "trace-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }  // a leftover file harms nobody
        // -D: the service, not strace, is our child.
        let strace = [
            "/usr/bin/strace", "-D", "-f", "--seccomp-bpf", "--decode-fds=socket", "--signal=none",
            "--trace=sendto,sendmsg,write,writev", "--string-limit=0", "--output=\(file.path())",
        ]
        try await system.serve(environment: ["SKILLRELAY_ROLE": role], under: strace) { service, client in
            try await body(client)
            service.signal(SIGTERM)
            #expect(try await service.exit() == .exited(0))
        }
        return try await eventually("strace has ended") {
            let text = try String(contentsOf: file, encoding: .utf8)
            return text.hasSuffix("+++ exited with 0 +++\n") ? Trace(text: text) : nil
        }
    }

    private struct Trace {
        let text: String

        /// Calls that wrote to the server of this URL.
        func writes(to url: String) throws -> Int {
            let port = try #require(URL(string: url)?.port)
            return self.count("->127.0.0.1:\(port)]>")
        }

        /// Calls that wrote to clients of this port.
        func writes(from port: Int) -> Int { self.count("<TCP:[127.0.0.1:\(port)->") }

        private func count(_ socket: String) -> Int {
            self.text.split(separator: "\n").count { $0.contains(socket) }
        }
    }
}
