import Support

extension Fault {
    static let brokerLink: [Fault] =
        links(to: .broker, "broker", of: { $0.brokerProxy })
        + [
            Fault("broker link: confirms lost, then cut", .broker, .everyInstance, lasting: .zero, needsTraffic: true) {
                cluster in
                let proxy = cluster.brokerProxy
                try await proxy.spring(.toServer, on: AMQPMethod.publish, skipping: 20, .holdReply)
                proxy.reset()
                return { proxy.heal() }
            },
            Fault(
                "broker link: publishes lost, then cut", .broker, .none, lasting: .milliseconds(500), needsTraffic: true
            ) {
                cluster in
                let proxy = cluster.brokerProxy
                try await proxy.spring(.toServer, on: AMQPMethod.publish, skipping: 20, .hold)
                return {
                    // What came before has been confirmed meanwhile; the rest the broker has never seen.
                    proxy.reset()
                    proxy.heal()
                }
            },
        ]

    static let databaseLink: [Fault] =
        links(to: .database, "database", of: { $0.databaseProxy })
        + [
            Fault("database link: a status change is lost", .database, .none, lasting: .zero, needsTraffic: true) {
                cluster in
                try await cluster.databaseProxy.spring(.toServer, on: Statement.setStatus, skipping: 20, .reset)
                return { cluster.databaseProxy.heal() }
            },
            Fault(
                "database link: a status change's reply is lost", .database, .none, lasting: .zero, needsTraffic: true
            ) {
                cluster in
                try await cluster.databaseProxy.spring(.toServer, on: Statement.setStatus, skipping: 20, .loseReply)
                return { cluster.databaseProxy.heal() }
            },
            Fault(
                "database link: the relay's COMMIT is lost", .database, .noneAlone, lasting: .zero, needsTraffic: true
            ) {
                cluster in
                try await cluster.databaseProxy.springOnRelaysCommit(.reset)
                return { cluster.databaseProxy.heal() }
            },
            Fault(
                "database link: the relay's COMMIT's reply is lost", .database, .none, lasting: .zero,
                needsTraffic: true
            ) {
                cluster in
                try await cluster.databaseProxy.springOnRelaysCommit(.loseReply)
                return { cluster.databaseProxy.heal() }
            },
        ]

    /// What can happen on the way to either server.
    private static func links(
        to target: Target,
        _ name: String,
        of proxy: @escaping @Sendable (Cluster) -> FaultProxy
    ) -> [Fault] {
        // What the broker did not confirm in time it may have; what the database did not write the relay still owes.
        let repeats = target == .database ? Fault.Repeats.noneAlone : .everyInstance
        return [
            Fault("\(name) link: cut (RST)", target, repeats, lasting: .zero, recovery: .seconds(5)) { cluster in
                proxy(cluster).reset()
                return {}
            },
            Fault("\(name) link: refused for a while", target, repeats) { cluster in
                proxy(cluster).refuse()
                proxy(cluster).reset()
                return { proxy(cluster).open() }
            },
            Fault("\(name) link: half-open", target, repeats, lasting: .seconds(5)) { cluster in
                proxy(cluster).hold()
                return { proxy(cluster).heal() }
            },
            Fault("\(name) link: nothing gets there", target, repeats, lasting: .seconds(5)) { cluster in
                proxy(cluster).set(.hold, .toServer)
                return { proxy(cluster).heal() }
            },
            Fault("\(name) link: nothing comes back", target, repeats, lasting: .seconds(5)) { cluster in
                proxy(cluster).set(.hold, .toClient)
                return { proxy(cluster).heal() }
            },
            Fault("\(name) link: 100 ms late", target, .none, lasting: .seconds(3)) { cluster in
                proxy(cluster).set(.delay(.milliseconds(100)), .toServer, .toClient)
                return { proxy(cluster).heal() }
            },
            Fault("\(name) link: 32 kB/s", target, repeats, lasting: .seconds(3)) { cluster in
                proxy(cluster).set(.throttle(bytesPerSecond: 32_000), .toServer, .toClient)
                return { proxy(cluster).heal() }
            },
        ]
    }
}

/// How a method begins on the wire: its class and its number (AMQP 0-9-1, amqp-xml-doc).
enum AMQPMethod {
    static let publish: [UInt8] = [0, 60, 0, 40]
    static let ack: [UInt8] = [0, 60, 0, 80]
}

/// What the service's statements have on the wire that others have not.
enum Statement {
    static let setStatus = Array("tasks.setStatus".utf8)
    /// With the end of its name: another one begins with it.
    static let complete = Array("outbox.complete\0".utf8)
    static let commit = Array("COMMIT".utf8)
}

extension FaultProxy {
    /// Sets a trap and waits until it was sprung.
    func spring(_ direction: Direction, on bytes: [UInt8], skipping: Int, _ action: Action) async throws {
        try await self.sprung { self.arm(direction, on: bytes, skipping: skipping, action) }
    }

    /// At the COMMIT of a transaction in which a relay takes delivered events off its list: others have a COMMIT too.
    func springOnRelaysCommit(_ action: Action) async throws {
        try await self.sprung {
            self.arm(.toServer, on: Statement.commit, after: Statement.complete, skipping: 5, action)
        }
    }

    private func sprung(_ arming: () -> Void) async throws {
        let before = self.timesSprung
        arming()
        try await eventually("the trap in the proxy is sprung", within: .seconds(30)) { self.timesSprung > before }
    }
}
