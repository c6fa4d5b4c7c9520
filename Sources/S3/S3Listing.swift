/// One page of a bucket's objects.
package struct S3Listing: Sendable {
    package struct Object: Sendable, Hashable {
        package let key: String
        package let size: Int
    }

    /// By key.
    package let objects: [Object]
    /// Where the next page begins; nil on the last one.
    package let continuation: String?

    /// - Returns: nil for what is no such answer.
    init?(_ bytes: [UInt8]) {
        guard let answer = XMLElement(bytes), answer.name == "ListBucketResult" else { return nil }
        var objects: [Object] = []
        for element in answer.children where element.name == "Contents" {
            guard let key = element["Key"], let size = element["Size"].flatMap({ Int($0) }) else { return nil }
            objects.append(Object(key: key, size: size))
        }
        self.objects = objects
        self.continuation = answer["IsTruncated"] == "true" ? answer["NextContinuationToken"] : nil
    }
}
