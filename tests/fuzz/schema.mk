# fuzz targets of schema
