"""Tutorial 1: slide a small kernel over a small image, and know every number.

A convolution layer looks at an image through a small window.  The window holds a grid of weights,
the kernel.  Lay the kernel on the top left corner of the image, multiply every weight by the pixel
under it, add up the products: that sum is the first output number.  Move the window one pixel to the
right and do it again; at the end of the row go down one pixel and start from the left.

Three words decide where the window may stop:

    kernel size   how large the window is (here 3 x 3)
    stride        how many pixels the window moves each time
    padding       how many rings of zeros are laid around the image first

The image below is 5 x 5 and so small that every output can be checked with pencil and paper.
Run it:  python examples/01_conv2d_by_hand.py
"""

import rushlight as torch
import rushlight.nn.functional as F

image = torch.tensor([[1, 2, 0, 3, 1], [0, 1, 2, 3, 1], [1, 2, 1, 0, 0], [5, 2, 3, 1, 1], [2, 1, 0, 1, 1]])

kernel = torch.tensor([[1, 2, 1], [0, 1, 0], [2, 1, 0]])

print("image", image.shape)
print(image)
print("kernel", kernel.shape)
print(kernel)

# conv2d wants four dimensions: (how many images, channels, height, width).
# We have one image of one channel, and one kernel that reads one channel.
image = torch.reshape(image, (1, 1, 5, 5))
kernel = torch.reshape(kernel, (1, 1, 3, 3))
print("as a batch:", image.shape, "and", kernel.shape)

# The first window, by hand: 1*1 + 2*2 + 0*1  +  0*0 + 1*1 + 2*0  +  1*2 + 2*1 + 1*0 = 10.
window = image[0, 0, 0:3, 0:3]
print("the first window times the kernel:")
print(window * kernel[0, 0])
print("its sum:", (window * kernel[0, 0]).sum().item())

# Stride 1: the window stops at 3 places down and 3 across, because (5 - 3) / 1 + 1 = 3.
output = F.conv2d(image, kernel, stride=1)
print("stride 1:", output.shape)
print(output)

# Stride 2: it jumps over every second place: (5 - 3) / 2 + 1 = 2.
output2 = F.conv2d(image, kernel, stride=2)
print("stride 2:", output2.shape)
print(output2)

# Padding 1: a ring of zeros makes the image 7 x 7, so the output keeps the size of the image:
# (5 + 2 * 1 - 3) / 1 + 1 = 5.
output3 = F.conv2d(image, kernel, stride=1, padding=1)
print("stride 1, padding 1:", output3.shape)
print(output3)

# The middle of the padded result is the result without padding.
print("same numbers in the middle:", torch.equal(output3[:, :, 1:4, 1:4], output))
