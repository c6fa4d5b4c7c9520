import CRabbitMQ
import Foundation
import Glibc
import Testing

@testable import RabbitMQ

@Suite("The frames of a message", .timeLimit(.minutes(1)))
struct FrameTests {
    private static let frameBytes = 4096
    /// How much of a body one frame holds.
    private static let room = 4096 - 8

    private static func message(body: Int = 100, _ change: (inout RabbitMQMessage) -> Void = { _ in })
        -> RabbitMQMessage
    {
        var message = RabbitMQMessage(
            exchange: "learning.skill", routingKey: "learning.skill.distill",
            body: (0..<body).map { UInt8(truncatingIfNeeded: $0) }, messageID: "0198a6c2-0000-7000-8000-000000000001"
        )
        change(&message)
        return message
    }

    private static func full(_ message: inout RabbitMQMessage) {
        message.type = "SkillLearnTask"
        message.contentType = "application/json"
        message.appID = "skillrelay"
        message.timestamp = 1_700_000_000
        message.headers = [
            "text": .string("héllo\0"), "none": .string(""), "large": .int(.max), "small": .int(-5), "yes": .bool(true),
            "no": .bool(false),
        ]
    }

    @Test(
        "written here are those that the library writes, whatever the message",
        arguments: [
            Self.message(), Self.message(Self.full), Self.message { $0.headers = ["one": .int(1)] },
            Self.message { ($0.exchange, $0.messageID) = ("", "") },
            Self.message { $0.routingKey = String(repeating: "k", count: 255) },
            Self.message { $0.headers = ["h": .string(String(repeating: "x", count: 3900))] },
        ]
            + [0, 1, Self.room - 1, Self.room, Self.room + 1, 2 * Self.room, 300_000].map {
                Self.message(body: $0, Self.full)
            })
    func asTheLibrary(message: RabbitMQMessage) async throws {
        let library = try await Self.written { transport in
            for channel: UInt16 in [2, 3] { try transport.publishThroughLibrary(message, on: channel) }
        }
        let own = try await Self.written { transport in
            for channel: UInt16 in [2, 3] { try transport.publish(message, on: channel) }
            try transport.flush()
        }
        #expect(own == library)
        #expect(own.count > 2 * message.body.count)
    }

    @Test("are written whole and once through a socket that takes little at a time")
    func partialWrites() async throws {
        let messages = (0..<50).map { Self.message(body: $0 * 1000, Self.full) }
        let publish = { (transport: AMQPTransport) throws(RabbitMQError) in
            for message in messages { try transport.publish(message, on: 2) }
            try transport.flush()
            // Nothing is left to be written again.
            try transport.flush()
        }
        let large = try await Self.written(publish)
        let small = try await Self.written(sendBuffer: 1, publish)
        #expect(small == large)
    }

    /// What comes out of the other end of a transport's socket.
    private static func written(
        sendBuffer: Int32? = nil,
        _ publish: (AMQPTransport) throws -> Void
    ) async throws -> [UInt8] {
        var sockets: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &sockets) == 0)
        let (near, far) = (sockets[0], sockets[1])
        defer { close(far) }
        // As the library has it after connecting.
        try #require(fcntl(near, F_SETFL, O_NONBLOCK) == 0)
        if var size = sendBuffer {
            setsockopt(near, SOL_SOCKET, SO_SNDBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        let greeting = Array("AMQP".utf8) + [0, 0, 9, 1]
        try #require(send(far, greeting, greeting.count, 0) == greeting.count)
        async let read = Self.readToEnd(far)
        // Its end closes `near`.
        try publish(try Self.transport(near))
        return await read
    }

    /// One that is past its login, for which the library takes it when it has read something.
    private static func transport(_ socket: Int32) throws -> AMQPTransport {
        let transport = try AMQPTransport()
        let tcp = try #require(amqp_tcp_socket_new(transport.connection))
        amqp_tcp_socket_set_sockfd(tcp, socket)
        try transport.drain { _, _ in }
        amqp_tune_connection(transport.connection, 0, Int32(Self.frameBytes), 0)
        return transport
    }

    private static func readToEnd(_ socket: Int32) async -> [UInt8] {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                var bytes: [UInt8] = []
                var part = [UInt8](repeating: 0, count: 5000)
                while case let count = recv(socket, &part, part.count, 0), count > 0 { bytes += part[..<count] }
                continuation.resume(returning: bytes)
            }
        }
    }
}
