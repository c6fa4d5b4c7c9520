import JSON

/// Where the bytes of an image, a sound, a film or a file are, as far as a part says.
struct Media {
    /// Bytes in the message itself.
    struct Inline {
        let contentType: String
        /// In base64.
        let data: String

        var url: String { "data:\(self.contentType);base64,\(self.data)" }

        /// - Returns: nil for what is no `data:` URL of base64.
        init?(dataURL: String) {
            guard dataURL.hasPrefix("data:"), let comma = dataURL.firstIndex(of: ",") else { return nil }
            let head = dataURL[..<comma].dropFirst(5)
            guard head.hasSuffix(";base64") else { return nil }
            self.contentType = String(head.prefix { $0 != ";" })
            self.data = String(dataURL[comma...].dropFirst())
        }

        init(contentType: String, data: String) {
            self.contentType = contentType
            self.data = data
        }
    }

    /// Nil when the bytes are elsewhere.
    var inline: Inline?
    /// Where they can be fetched; may be a `data:` URL. We never do.
    var url: String?
    /// Of what is there, if the part says so.
    var contentType: String?

    /// `urls` says where each asset can be read, by its SHA-256.
    init(_ part: MessagePart, urls: [String: String]) {
        let contentType = part.metaText("media_type")
        if let asset = part.asset {
            self.url = urls[asset.sha256]
            self.contentType = asset.contentType
        } else if !part.metaText("url").isEmpty {
            self.url = part.metaText("url")
            self.inline = self.url.flatMap { Inline(dataURL: $0) }
            self.contentType = self.inline?.contentType ?? (contentType.isEmpty ? nil : contentType)
        } else if !part.metaText("file_data").isEmpty {
            self.inline = Inline(dataURL: part.metaText("file_data"))
        } else if !part.metaText("data").isEmpty, !["text", "content"].contains(part.metaText("type")) {
            let format = part.metaText("format")
            let type = contentType.isEmpty && !format.isEmpty ? "audio/\(format)" : contentType
            if !type.isEmpty { self.inline = Inline(contentType: type, data: part.metaText("data")) }
        }
    }

    /// Something that a client can load, be the bytes here or elsewhere.
    var link: String? { self.url ?? self.inline?.url }
}
