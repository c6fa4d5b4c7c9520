/// A body of `multipart/form-data` (RFC 7578), cut into its parts. Strict: clients write it by machine.
struct MultipartForm: Sendable {
    /// More is refused.
    static let maxParts = 100
    /// A part's header fields together.
    static let maxHeaderBytes = 4096
    static let maxNameBytes = 255
    static let maxFilenameBytes = 1024

    struct Part: Sendable {
        let name: String
        /// Without the folders that some clients send with it; nil for a field that is no file.
        let filename: String?
        let contentType: String?
        let content: ArraySlice<UInt8>
    }

    let parts: [Part]

    /// The content of the first field of this name that is no file.
    func field(_ name: String) -> ArraySlice<UInt8>? {
        self.parts.first { $0.name == name && $0.filename == nil }?.content
    }

    /// The first file under this name.
    func file(_ name: String) -> Part? {
        self.parts.first { $0.name == name && $0.filename != nil }
    }

    // MARK: Parsing

    /// - Throws: `RequestError.invalidParameter` for a body that breaks the form's rules or its limits.
    init(_ body: [UInt8], boundary: String) throws(RequestError) {
        let dashes = Array("--\(boundary)".utf8)
        let delimiter = [0x0D, 0x0A] + dashes
        var rest = body[...]
        // Before the first delimiter there may be a preamble; the delimiter's own line break may be missing there.
        rest = rest.starts(with: dashes) ? rest.dropFirst(dashes.count) : try Self.split(rest, at: delimiter).after
        var parts: [Part] = []
        while !rest.starts(with: "--".utf8) {
            // RFC 2046 §5.1.1: white space may follow a boundary.
            rest = rest.drop { $0 == 0x20 || $0 == 0x09 }
            guard rest.starts(with: [0x0D, 0x0A]), parts.count < Self.maxParts else { throw .invalidParameter }
            rest = rest.dropFirst(2)
            let header = try PartHeader(&rest)
            let (content, after) = try Self.split(rest, at: delimiter)
            rest = after
            parts.append(
                Part(
                    name: header.name, filename: header.filename, contentType: header.contentType, content: content
                )
            )
        }
        self.parts = parts
    }

    private static func split(
        _ bytes: ArraySlice<UInt8>,
        at delimiter: [UInt8]
    ) throws(RequestError) -> (before: ArraySlice<UInt8>, after: ArraySlice<UInt8>) {
        var search = bytes
        while let index = search.firstIndex(of: 0x0D) {
            if search[index...].starts(with: delimiter) {
                return (bytes[..<index], search[index...].dropFirst(delimiter.count))
            }
            search = search[(index + 1)...]
        }
        throw .invalidParameter
    }

    /// The boundary that a content type names; nil for any other type, and for a boundary that is none.
    static func boundary(in contentType: String?) -> String? {
        guard let value = contentType.flatMap({ HeaderValue($0) }), value.word == "multipart/form-data",
            let boundary = value.parameters["boundary"]
        else { return nil }
        // RFC 2046 §5.1.1
        let isValid = boundary.utf8.allSatisfy { byte in
            byte >= 0x20 && byte < 0x7F && !#""\<>@[]{}|^~`!#$%&*;"#.utf8.contains(byte)
        }
        return isValid && (1...70).contains(boundary.utf8.count) && !boundary.hasSuffix(" ") ? boundary : nil
    }
}

/// What a part says of itself.
private struct PartHeader {
    let name: String
    var filename: String?
    let contentType: String?

    /// Takes the header fields and the empty line after them.
    init(_ bytes: inout ArraySlice<UInt8>) throws(RequestError) {
        var fields: [String: String] = [:]
        var left = MultipartForm.maxHeaderBytes
        while true {
            // The two bytes of the last line's break may be the ones too many.
            guard left > 0, let end = bytes.prefix(left).firstIndex(of: 0x0D), bytes[end...].starts(with: [0x0D, 0x0A])
            else {
                throw .invalidParameter
            }
            let line = bytes[..<end]
            left -= line.count + 2
            bytes = bytes[end...].dropFirst(2)
            if line.isEmpty { break }
            let name = line.prefix { $0 != UInt8(ascii: ":") }
            let key = String(decoding: name, as: UTF8.self).lowercased()
            // A field that goes on in a second line begins it with a space (RFC 9112 §5.2: no more).
            guard name.count < line.count, !name.isEmpty, !name.contains(0x20), fields[key] == nil,
                let value = String(validating: line.dropFirst(name.count + 1), as: UTF8.self)
            else { throw .invalidParameter }
            fields[key] = value
        }
        guard let disposition = fields["content-disposition"].flatMap({ HeaderValue($0) }),
            disposition.word == "form-data", let name = disposition.parameters["name"],
            (1...MultipartForm.maxNameBytes).contains(name.utf8.count),
            // RFC 7578 §4.7: only as it is.
            ["7bit", "8bit", "binary", nil].contains(
                fields["content-transfer-encoding"].flatMap { HeaderValue($0)?.word })
        else { throw .invalidParameter }
        self.name = name
        self.contentType = try fields["content-type"].map(Self.contentType)
        if let path = disposition.parameters["filename"] {
            let filename = path.split { $0 == "/" || $0 == "\\" }.last.map(String.init) ?? ""
            guard filename.utf8.count <= MultipartForm.maxFilenameBytes else { throw .invalidParameter }
            self.filename = filename
        }
    }
}

extension PartHeader {
    /// A type that can be told to others in a header of its own.
    private static func contentType(_ text: String) throws(RequestError) -> String {
        let type = text.split(separator: " ").joined(separator: " ")
        guard (1...MultipartForm.maxNameBytes).contains(type.utf8.count),
            type.utf8.allSatisfy({ (0x20...0x7E).contains($0) })
        else { throw .invalidParameter }
        return type
    }
}

/// A header field's value of the form `word; key=value; key="value"`.
private struct HeaderValue {
    /// In lower case.
    let word: String
    private(set) var parameters: [String: String] = [:]

    /// - Returns: nil for what has another form, a control character, or a key twice.
    init?(_ text: String) {
        guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else { return nil }
        var rest = Array(text.utf8)[...]
        self.word = Self.text(Self.take(&rest) { $0 != UInt8(ascii: ";") }).lowercased()
        while !rest.isEmpty {
            rest = Self.trim(rest.dropFirst())
            // A semicolon at the end says nothing.
            if rest.isEmpty { return }
            let key = Self.text(Self.take(&rest) { $0 != UInt8(ascii: "=") && $0 != UInt8(ascii: ";") }).lowercased()
            guard rest.popFirst() == UInt8(ascii: "="), !key.isEmpty, self.parameters[key] == nil,
                let value = Self.value(&rest)
            else { return nil }
            self.parameters[key] = value
        }
    }

    /// Takes a value, quoted or not, and leaves what begins with the next semicolon.
    private static func value(_ rest: inout ArraySlice<UInt8>) -> String? {
        rest = Self.trim(rest)
        let quote = UInt8(ascii: "\"")
        let backslash = UInt8(ascii: "\\")
        guard rest.first == quote else {
            let value = Self.text(Self.take(&rest) { $0 != UInt8(ascii: ";") })
            return value.isEmpty ? nil : value
        }
        rest = rest.dropFirst()
        var value: [UInt8] = []
        while let byte = rest.popFirst() {
            // A backslash is itself, but before a quote or another one: some clients send the whole path of a file.
            if byte == backslash, let next = rest.first, next == quote || next == backslash {
                value.append(next)
                rest = rest.dropFirst()
            } else if byte == quote {
                rest = Self.trim(rest)
                return rest.isEmpty || rest.first == UInt8(ascii: ";") ? String(decoding: value, as: UTF8.self) : nil
            } else {
                value.append(byte)
            }
        }
        return nil
    }

    private static func take(_ rest: inout ArraySlice<UInt8>, while isTaken: (UInt8) -> Bool) -> ArraySlice<UInt8> {
        let taken = rest.prefix(while: isTaken)
        rest = rest.dropFirst(taken.count)
        return taken
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String {
        String(decoding: Self.trim(bytes), as: UTF8.self)
    }

    private static func trim(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 }
        let front = bytes.drop(while: isSpace)
        return front.prefix(front.count - front.reversed().prefix(while: isSpace).count)
    }
}
