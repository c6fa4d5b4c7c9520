import JSON

/// The parts of a message, ready to be written down with it.
struct StoredParts: Sendable {
    /// JSON text of an array.
    let text: String
    /// Where they lie; nil: in the database.
    let asset: StoredAsset?
    /// The objects that the message uses, this one among them.
    let uses: [AssetReferences.Use]

    /// The key of `parts_asset_meta` under which we write which files a message names, so that its deletion need not read them from its
    /// parts. Acontext leaves keys alone that it does not know.
    static let filesKey = "skillrelay_files"

    /// What goes into `parts_asset_meta`.
    var meta: JSONValue {
        guard let asset, let members = asset.json.object else {
            return ["size_b": .number(String(self.text.utf8.count))]
        }
        let files = self.uses.filter { $0.asset.sha256 != asset.sha256 }
            .flatMap { use in repeatElement(JSONValue.string(use.asset.sha256), count: use.count) }
        return .object(members + [.init(Self.filesKey, .array(files))])
    }
}
