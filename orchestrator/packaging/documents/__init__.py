"""What is stored beside a package: manifest, SBOM, provenance."""
