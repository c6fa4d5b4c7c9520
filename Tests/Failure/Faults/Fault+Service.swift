import Glibc
import Support

extension Fault {
    static let service: [Fault] =
        [
            Fault("service: SIGKILL", .service, .oneInstance, lasting: .milliseconds(500)) { cluster in
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
            Fault("service: SIGSTOP for 3 s", .service, .oneInstance, lasting: .seconds(3)) { cluster in
                let victim = cluster.victim()
                victim.signal(SIGSTOP)
                return { victim.signal(SIGCONT) }
            },
            .killed(at: "claim_done", .oneBatch),
            .killed(at: "before_mark", .oneInstance),
            .killed(at: "mark_before_commit", .oneInstance),
            .killed(at: "after_commit", .oneBatch),
            .killed(at: "before_shutdown", .none, by: SIGTERM),
            .killed("publishing", .everyInstance) { cluster in
                try await cluster.brokerProxy.spring(.toServer, on: AMQPMethod.publish, skipping: 20, .hold)
            },
            .killed("reading confirms", .everyInstance) { cluster in
                try await cluster.brokerProxy.spring(.toClient, on: AMQPMethod.ack, skipping: 5, .hold)
            },
            .killed("sending a status change", .oneInstance) { cluster in
                try await cluster.databaseProxy.spring(.toServer, on: Statement.setStatus, skipping: 20, .hold)
            },
            .killed("waiting for a status change's reply", .oneInstance) { cluster in
                try await cluster.databaseProxy.spring(.toServer, on: Statement.setStatus, skipping: 20, .holdReply)
            },
        ]

    /// A relay that holds its batch's rows and does not go on. The rows are free when the database ends its idle transaction, and
    /// another instance sends them; so may this one when it is woken.
    static let stoppedWithBatch = Fault(
        "service: SIGSTOP at claim_done for 25 s", .service, .oneInstance, lasting: .seconds(25), needsTraffic: true
    ) { cluster in
        let victim = cluster.victim()
        try await victim.end(by: SIGTERM)
        try await victim.start(["SKILLRELAY_PAUSE_POINT": "claim_done:10=stop"])
        return { victim.signal(SIGCONT) }
    }

    /// SIGKILL at a pause point: a process of a debug build that reaches it for the tenth time ends itself. The relay's other lane may have
    /// a batch in flight then.
    private static func killed(at point: String, _ repeats: Repeats, by signal: Int32? = nil) -> Fault {
        Fault("service: SIGKILL at \(point)", .service, repeats, lasting: .milliseconds(500), needsTraffic: true) {
            cluster in
            let victim = cluster.victim()
            try await victim.end(by: SIGTERM)
            let count = signal == nil ? 10 : 1
            try await victim.start(["SKILLRELAY_PAUSE_POINT": "\(point):\(count)=kill"], mayEnd: true)
            if let signal { victim.signal(signal) }
            let exit = try await victim.ended(within: .seconds(30))
            guard exit == .killed(signal: SIGKILL) else { throw TestError("\(point) ended it with \(exit)") }
            return { try await victim.start() }
        }
    }

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
