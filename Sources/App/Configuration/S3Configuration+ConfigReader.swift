import Configuration
import S3

extension S3Configuration {
    /// Where the parts of messages are kept; nil without a bucket: in the database.
    ///
    /// ## Configuration keys
    ///
    /// - `s3.bucket` (string, optional): 3 to 63 lowercase letters, digits, dots and dashes.
    /// - `s3.endpoint` (string, required with a bucket): URL for clients, and for our own requests unless `s3.internalEndpoint` is set.
    /// - `s3.internalEndpoint` (string, optional): URL for our own requests.
    /// - `s3.region` (string, default `auto`): letters, digits and dashes.
    /// - `s3.accessKey`, `s3.secretKey` (strings, required with a bucket, secret).
    init?(config: ConfigReader) throws(ConfigurationError) {
        let bucket = try config.text(.s3Bucket)
        guard !bucket.isEmpty else { return nil }
        guard (3...63).contains(bucket.utf8.count), bucket.wholeMatch(of: /[a-z0-9.-]+/) != nil else {
            throw ConfigurationError(.s3Bucket, "is not 3 to 63 lowercase letters, digits, dots and dashes")
        }
        guard let publicEndpoint = try Self.endpoint(.s3Endpoint, config) else {
            throw ConfigurationError(.s3Endpoint, "missing, and S3_BUCKET is set")
        }
        let region = try config.requiredText(.s3Region)
        guard region.wholeMatch(of: /[A-Za-z0-9-]+/) != nil else {
            throw ConfigurationError(.s3Region, "is not letters, digits and dashes")
        }
        self.init(
            endpoint: try Self.endpoint(.s3InternalEndpoint, config) ?? publicEndpoint, publicEndpoint: publicEndpoint,
            region: region, bucket: bucket, accessKey: try Self.key(.s3AccessKey, config),
            secretKey: try Self.key(.s3SecretKey, config)
        )
    }

    private static func endpoint(_ setting: Setting, _ config: ConfigReader) throws(ConfigurationError) -> S3Endpoint? {
        let text = try config.text(setting)
        guard !text.isEmpty else { return nil }
        guard let endpoint = S3Endpoint(text) else {
            // Quotes nothing of it: it may hold a password.
            throw ConfigurationError(setting, "is not an http or https URL of host, port and path")
        }
        return endpoint
    }

    private static func key(_ setting: Setting, _ config: ConfigReader) throws(ConfigurationError) -> String {
        let text = try config.text(setting)
        guard !text.isEmpty else { throw ConfigurationError(setting, "missing, and S3_BUCKET is set") }
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw ConfigurationError(setting, "has other than visible ASCII characters")
        }
        return text
    }
}
