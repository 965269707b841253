"""A photo studio in numpy: shapes as signed distances, soft boxes, a seamless backdrop."""
