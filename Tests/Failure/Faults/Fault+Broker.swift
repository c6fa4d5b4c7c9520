import Glibc
import RabbitMQ
import Support

extension Fault {
    static let broker: [Fault] = [
        Fault("broker: SIGKILL, restart", .broker, .everyInstance, lasting: .zero) { cluster in
            cluster.receiver.brokerWillCrash()
            try await cluster.servers.crash(.rabbitmq)
            return { try await cluster.servers.revive() }
        },
        .frozenBroker(for: .seconds(5)),
        Fault("broker: SIGSTOP for 1 s", .broker, .none, lasting: .seconds(1)) { cluster in
            let reconnects = cluster.brokerProxy.clientsGoneCount
            try cluster.servers.signal(SIGSTOP, .rabbitmq)
            return {
                try cluster.servers.signal(SIGCONT, .rabbitmq)
                guard cluster.brokerProxy.clientsGoneCount == reconnects else {
                    throw TestError("a second of silence ended the broker's connection")
                }
            }
        },
        Fault("broker: memory alarm", .broker, .noneAlone, lasting: .seconds(4)) { cluster in
            try await cluster.servers.rabbitmqctl("set_vm_memory_high_watermark", "0.00001")
            return { try await cluster.servers.rabbitmqctl("set_vm_memory_high_watermark", "0.4") }
        },
        Fault("broker: stop_app, start_app", .broker, .everyInstance, lasting: .zero) { cluster in
            try await cluster.servers.rabbitmqctl("stop_app")
            return { try await cluster.servers.rabbitmqctl("start_app") }
        },
        Fault("broker: close_all_connections", .broker, .everyInstance, lasting: .zero, recovery: .seconds(5)) {
            cluster in
            try await cluster.servers.rabbitmqctl("close_all_connections", "maintenance")
            return {}
        },
        Fault("broker: exchange deleted", .broker, .everyInstance) { cluster in
            try await cluster.vhost.withConnection { connection in
                try await connection.deleteExchange(RabbitMQConnection.coreExchange)
            }
            return { try await cluster.vhost.declareCore() }
        },
        Fault("broker: queue deleted", .broker, .none) { cluster in
            // What was confirmed and not yet received would go with the queue, and nobody could deliver it again.
            cluster.brokerProxy.set(.hold, .toServer)
            try await cluster.receiver.drain(quiet: .milliseconds(200))
            try await cluster.vhost.manage(
                "DELETE", "queues/\(cluster.vhost.name)/\(RabbitMQConnection.coreQueue)?if-empty=true"
            )
            cluster.brokerProxy.set(.pass, .toServer)
            return { try await cluster.vhost.declareCore() }
        },
        Fault("broker: queue full, reject-publish", .broker, .none) { cluster in
            let policy = "policies/\(cluster.vhost.name)/full"
            // A queue takes a new length before a new overflow, and would drop what it has confirmed: so the overflow comes first.
            for length in [1_000_000, 5] {
                try await cluster.vhost.manage(
                    "PUT", policy,
                    #"{"pattern":".*","apply-to":"queues","definition":{"max-length":\#(length),"overflow":"reject-publish"}}"#
                )
            }
            await cluster.receiver.pause()
            return {
                try await cluster.vhost.manage("DELETE", policy)
                cluster.receiver.resume()
            }
        },
        Fault("broker: permissions revoked", .broker, .everyInstance, recovery: .seconds(15)) { cluster in
            try await cluster.vhost.manage("DELETE", "permissions/\(cluster.vhost.name)/\(cluster.brokerUser)")
            // The broker remembers for a while what an open channel may do.
            cluster.brokerProxy.reset()
            return { try await cluster.vhost.allow(cluster.brokerUser) }
        },
    ]

    static func frozenBroker(for duration: Duration) -> Fault {
        Fault("broker: SIGSTOP for \(duration.components.seconds) s", .broker, .everyInstance, lasting: duration) {
            cluster in
            try cluster.servers.signal(SIGSTOP, .rabbitmq)
            return { try cluster.servers.signal(SIGCONT, .rabbitmq) }
        }
    }
}
