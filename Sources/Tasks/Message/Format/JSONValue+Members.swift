import JSON

// Members of the type that a format wants; null is absent, as clients that print every field of a record send it.
extension JSONValue {
    func textMember(_ key: String) throws(MessageFormatError) -> String? {
        guard let member = self[key] else { return nil }
        guard let text = member.string else { throw .wrongType(key) }
        return text
    }

    func requiredText(_ key: String) throws(MessageFormatError) -> String {
        guard let text = try self.textMember(key) else { throw .missing(key) }
        return text
    }

    func boolMember(_ key: String) throws(MessageFormatError) -> Bool? {
        guard let member = self[key] else { return nil }
        guard let bool = member.bool else { throw .wrongType(key) }
        return bool
    }

    func arrayMember(_ key: String) throws(MessageFormatError) -> [JSONValue]? {
        guard let member = self[key] else { return nil }
        guard let array = member.array else { throw .wrongType(key) }
        return array
    }

    func objectMember(_ key: String) throws(MessageFormatError) -> JSONValue? {
        guard let member = self[key] else { return nil }
        guard member.object != nil else { throw .wrongType(key) }
        return member
    }

    func requiredObject(_ key: String) throws(MessageFormatError) -> JSONValue {
        guard let object = try self.objectMember(key) else { throw .missing(key) }
        return object
    }

    /// What a tool is called with, as text: formats carry it as an object, or as that object's JSON.
    var argumentsText: String {
        self.string ?? self.text
    }

    /// What a tool is called with, as a value; an empty object for what is no JSON.
    var argumentsValue: JSONValue {
        guard let text = self.string else { return self }
        return (try? JSONValue(stored: text)) ?? .object([])  // an agent may have written anything
    }
}
