import Foundation
import Outbox

/// The body of an operation: a JSON object. Strict, so that a `dry_run` that was misspelt is not a run.
struct OperationBody: Decodable {
    enum Member: String, CodingKey, CaseIterable {
        case filter, reason, by, yes, rate, days, exchange
        case dryRun = "dry_run"
        case asNew = "as_new"
        case routingKey = "routing_key"
    }

    let filter: EventFilter
    let reason: String
    let by: String
    let yes: Bool
    let dryRun: Bool
    let asNew: Bool
    let rate: Int?
    let days: Int?
    let exchange: String?
    let routingKey: String?
    private let names: [String]

    /// - Parameters:
    ///   - bytes: of the body.
    ///   - members: which the operation knows; `reason` and `by` it knows in any case.
    /// - Throws: `OperationError.invalid`, `EventFilterError`.
    init(_ bytes: [UInt8], members: [Member]) throws {
        do {
            self = try JSONDecoder().decode(Self.self, from: Data(bytes))
        } catch let error as OperationError {
            throw error
        } catch let error as EventFilterError {
            throw error
        } catch {
            throw OperationError.invalid("the body is no JSON object")
        }
        let known = members.map(\.rawValue) + [Member.reason.rawValue, Member.by.rawValue]
        if let other = self.names.first(where: { !known.contains($0) }) {
            let name = String(other.prefix(64)).debugDescription
            throw OperationError.invalid("\(name) is none of \(known.joined(separator: ", "))")
        }
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Member.self)
        func value<Value: Decodable>(_ member: Member, _ type: Value.Type, _ kind: String) throws -> Value? {
            do {
                return try container.decodeIfPresent(Value.self, forKey: member)
            } catch let error as EventFilterError {
                throw error
            } catch {
                throw OperationError.invalid("\(member.rawValue): is no \(kind)")
            }
        }
        self.filter = try value(.filter, EventFilter.self, "object") ?? EventFilter()
        self.reason = try value(.reason, String.self, "text") ?? ""
        self.by = try value(.by, String.self, "text") ?? "operator API"
        self.yes = try value(.yes, Bool.self, "boolean") ?? false
        self.dryRun = try value(.dryRun, Bool.self, "boolean") ?? false
        self.asNew = try value(.asNew, Bool.self, "boolean") ?? false
        self.rate = try value(.rate, Int.self, "integer")
        self.days = try value(.days, Int.self, "integer")
        self.exchange = try value(.exchange, String.self, "text")
        self.routingKey = try value(.routingKey, String.self, "text")
        self.names = try decoder.container(keyedBy: AnyName.self).allKeys.map(\.stringValue)
    }

    private struct AnyName: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    func attribution() throws -> Attribution {
        try Attribution(by: self.by, reason: self.reason)
    }

    /// The destination that is meant; nil for everything.
    func destination() throws(OperationError) -> Destination? {
        guard (self.exchange == nil) == (self.routingKey == nil) else {
            throw .invalid("a destination is exchange and routing_key")
        }
        guard let exchange, let routingKey else { return nil }
        return Destination(exchange: exchange, routingKey: routingKey)
    }

    /// What is not asked for.
    private static let unasked = 1000

    /// - Throws: `OperationError.conflict` for many events without a `yes`.
    func confirm(_ count: Int) throws(OperationError) {
        guard count <= Self.unasked || self.yes else {
            throw .conflict("\(count) events: say \"yes\": true to change more than \(Self.unasked)")
        }
    }
}
