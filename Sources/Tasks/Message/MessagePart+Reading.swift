package import JSON

extension MessagePart {
    /// A part as it is stored; nil for what is none.
    package init?(_ json: JSONValue) {
        guard let type = json["type"]?.string else { return nil }
        self.init(
            type: type, text: json["text"]?.string, asset: json["asset"].flatMap { StoredAsset($0) },
            filename: json["filename"]?.string, meta: json["meta"].flatMap { $0.object == nil ? nil : $0 }
        )
    }

    /// A text of the part's meta; empty when there is none.
    func metaText(_ key: String) -> String {
        self.meta?[key]?.string ?? ""
    }
}

extension StoredAsset {
    /// An asset as it is stored; nil when a member is missing.
    package init?(_ json: JSONValue) {
        guard let bucket = json["bucket"]?.string, let key = json["s3_key"]?.string, let etag = json["etag"]?.string,
            let sha256 = json["sha256"]?.string, let contentType = json["mime"]?.string,
            case .number(let digits)? = json["size_b"], let size = Int(digits)
        else { return nil }
        self.init(bucket: bucket, key: key, etag: etag, sha256: sha256, contentType: contentType, size: size)
    }
}
