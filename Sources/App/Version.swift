/// The release, as `skillrelay version` prints it.
package let version = "0.1.0"
