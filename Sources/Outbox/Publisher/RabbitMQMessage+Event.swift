import Foundation
import Postgres
import RabbitMQ

extension RabbitMQMessage {
    /// The properties are pinned: programs outside rely on them.
    init(event: ClaimedEvent, possibleDuplicate: Bool) {
        var headers = HeaderReader.headers(event.headers)
        if possibleDuplicate { headers["x-possible-duplicate"] = .bool(true) }
        if let replayID = event.replayID { headers["x-replay-id"] = .string(replayID.lowercased) }
        self.init(
            exchange: event.exchange,
            routingKey: event.routingKey,
            body: event.payload,
            messageID: event.id.lowercased,
            type: event.type,
            contentType: "application/json",
            appID: "skillrelay",
            timestamp: UInt64(max(0, event.createdAt.unixMicroseconds) / 1_000_000),
            headers: headers
        )
    }
}
