import Glibc
import Support

extension Fault {
    static let service: [Fault] =
        [
            Fault("service: SIGKILL", .service, .oneBatch, lasting: .milliseconds(500)) { cluster in
                let victim = cluster.victim()
                try await victim.end(by: SIGKILL)
                return { try await victim.start() }
            },
            Fault("service: SIGTERM", .service, .none, lasting: .milliseconds(500)) { cluster in
                let victim = cluster.victim()
                let exit = try await victim.end(by: SIGTERM, within: .seconds(10))
                guard exit == .exited(0) else { throw TestError("SIGTERM ended it with \(exit)\n\(cluster.logs)") }
                return { try await victim.start() }
            },
            .killed("publishing", .everyBatch) { cluster in
                try await cluster.brokerProxy.spring(.toServer, on: AMQPMethod.publish, skipping: 20, .hold)
            },
            .killed("reading confirms", .everyBatch) { cluster in
                try await cluster.brokerProxy.spring(.toClient, on: AMQPMethod.ack, skipping: 5, .hold)
            },
            .killed("sending a status change", .oneBatch) { cluster in
                try await cluster.databaseProxy.spring(.toServer, on: Statement.setStatus, skipping: 20, .hold)
            },
            .killed("waiting for a status change's reply", .oneBatch) { cluster in
                try await cluster.databaseProxy.spring(.toServer, on: Statement.setStatus, skipping: 20, .holdReply)
            },
        ]

    /// SIGKILL at a moment that the traffic shows. The relay may have a batch in flight, whatever the moment.
    private static func killed(
        _ moment: String,
        _ repeats: Repeats,
        when reached: @escaping @Sendable (Cluster) async throws -> Void
    ) -> Fault {
        Fault("service: SIGKILL while \(moment)", .service, repeats, lasting: .milliseconds(500), needsTraffic: true) {
            cluster in
            try await reached(cluster)
            let victim = cluster.victim()
            try await victim.end(by: SIGKILL)
            return {
                cluster.brokerProxy.heal()
                cluster.databaseProxy.heal()
                try await victim.start()
            }
        }
    }
}
