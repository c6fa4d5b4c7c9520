import RabbitMQ
import Tasks

/// The queue from which Acontext CORE takes learning messages.
enum LearningQueue {
    static let name = "learning.skill.distill.entry"

    /// CORE's default, a week. Another value, or another type of value, makes CORE's own declaration fail.
    private static let messageTTLMilliseconds: Int64 = 604_800_000

    /// Declares exchange, queue and binding exactly as CORE does.
    ///
    /// - Throws: `RabbitMQError`, but not for a queue that exists with other arguments: an install may have set another ttl.
    static func declare(on connection: RabbitMQConnection) async throws(RabbitMQError) {
        try await connection.declareExchange(SkillLearnTask.exchange)
        do {
            try await connection.declareQueue(
                Self.name,
                arguments: ["x-message-ttl": .int(Self.messageTTLMilliseconds)]
            )
        } catch let error where error.replyCode == .preconditionFailed {
            // It is there, with another ttl: what counts is the binding.
        }
        try await connection.bindQueue(
            Self.name,
            exchange: SkillLearnTask.exchange,
            routingKey: SkillLearnTask.routingKey
        )
    }
}
