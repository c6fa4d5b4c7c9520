import Foundation
import Postgres

@testable import Outbox

extension ClaimedEvent {
    /// An event as a claim would hand it over.
    static func fixture(
        sequence: Int64 = 1,
        id: UUID = EventID.next(),
        exchange: String = "learning.skill",
        routingKey: String = "learning.skill.distill",
        headers: String = "{}",
        attempts: Int = 0,
        maybeSent: Bool = false
    ) -> ClaimedEvent {
        ClaimedEvent(
            sequence: sequence, id: id, exchange: exchange, routingKey: routingKey, type: "SkillLearnTask",
            payload: Array("{}".utf8), headers: headers,
            createdAt: PostgresTimestamp(unixMicroseconds: 1_771_832_565_123_456),
            attempts: attempts, maybeSent: maybeSent
        )
    }
}
