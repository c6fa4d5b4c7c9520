import Assets
import Foundation
import Outbox
import Support

@testable import API

/// The document that `/openapi.json` serves, and what it says of an answer.
struct OpenAPIDocument {
    private let root: JSONValue

    init() throws {
        self.root = try JSONDecoder().decode(JSONValue.self, from: Data(Asset.openAPI.bytes))
    }

    /// The operations, as `GET /api/v1/…/{id}`.
    var operations: [String: JSONValue] {
        Dictionary(
            uniqueKeysWithValues: self.root["paths"].members.flatMap { path, methods in
                methods.members.map { ("\($0.key.uppercased()) \(path)", $0.value) }
            })
    }

    subscript(component kind: String, name: String) -> JSONValue { self.root["components"][kind][name] }

    func components(_ kind: String) -> [String: JSONValue] { self.root["components"][kind].members }

    /// Every `$ref`.
    var references: Set<String> {
        func collect(_ value: JSONValue) -> [String] {
            switch value {
            case .object(let members):
                members.flatMap { $0.key == "$ref" ? [$0.value.text ?? ""] : collect($0.value) }
            case .array(let items): items.flatMap(collect)
            default: []
            }
        }
        return Set(collect(self.root))
    }

    /// What stands where a reference leads; the value itself if it is none.
    func resolved(_ value: JSONValue) -> JSONValue {
        guard let reference = value["$ref"].text else { return value }
        return reference.split(separator: "/").dropFirst().reduce(self.root) { $0[String($1)] }
    }

    // MARK: Answers

    /// What is wrong with an answer to the operation, judged by the schema of its status: also a member that is not described.
    func faults(of answer: HTTPAnswer, to operation: String) throws -> [String] {
        let responses = self.operations[operation]?["responses"] ?? .null
        let response = self.resolved(responses["\(answer.status)"])
        let schema = response["content"]["application/json"]["schema"]
        guard schema != .null else { return ["\(operation): \(answer.status) is not described"] }
        let value = try answer.decode(JSONValue.self)
        return self.faults(of: value, by: schema, at: operation)
    }

    private func faults(of value: JSONValue, by schema: JSONValue, at place: String) -> [String] {
        let schema = self.resolved(schema)
        if case .array(let choices) = schema["oneOf"] {
            let fits = choices.contains { self.faults(of: value, by: $0, at: place).isEmpty }
            return fits ? [] : ["\(place): fits none of oneOf"]
        }
        if case .array(let texts) = schema["enum"], !texts.contains(value) { return ["\(place): is none of enum"] }
        if schema["const"] != .null { return schema["const"] == value ? [] : ["\(place): is not the const"] }
        var types = [schema["type"].text].compactMap(\.self)
        if case .array(let several) = schema["type"] { types = several.compactMap(\.text) }
        guard types.isEmpty || types.contains(where: value.isOf(type:)) else {
            return ["\(place): is no \(types.joined(separator: " or "))"]
        }
        switch value {
        case .array(let items):
            return items.enumerated().flatMap { self.faults(of: $1, by: schema["items"], at: "\(place)[\($0)]") }
        case .object(let members) where schema["properties"] != .null || schema["additionalProperties"] != .null:
            var faults = schema["required"].items.compactMap { name in
                name.text.flatMap { members[$0] == nil ? "\(place): lacks \($0)" : nil }
            }
            for (name, member) in members {
                let property = schema["properties"][name]
                let described = property == .null ? schema["additionalProperties"] : property
                faults +=
                    described == .null
                    ? ["\(place): \(name) is not described"]
                    : self.faults(of: member, by: described, at: "\(place).\(name)")
            }
            return faults
        default: return []
        }
    }
}

extension JSONValue {
    subscript(name: String) -> JSONValue { self.members[name] ?? .null }

    var members: [String: JSONValue] { if case .object(let members) = self { members } else { [:] } }
    var items: [JSONValue] { if case .array(let items) = self { items } else { [] } }
    var text: String? { if case .string(let text) = self { text } else { nil } }

    fileprivate func isOf(type: String) -> Bool {
        switch (self, type) {
        case (.object, "object"), (.array, "array"), (.string, "string"), (.bool, "boolean"), (.integer, "integer"),
            (.integer, "number"), (.number, "number"), (.null, "null"):
            true
        default: false
        }
    }
}
