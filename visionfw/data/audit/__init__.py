"""What is wrong with image sets: broken files, wrong LR images, near-duplicates, crops, and test images among training images."""
